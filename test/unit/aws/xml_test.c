#include "aws/xml.h"

#include "base/buffer.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const XmlNode *reads(Arena *arena, const char *text) {
    const XmlNode *root = NULL;
    Error error = {0};
    if (xml_read(arena, text, strlen(text), &root, &error) != STATUS_OK)
        fail_msg("%s: %s", text, error.message);
    return root;
}

static void refuses(const char *text, const char *message_part) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const XmlNode *root = NULL;
    Error error = {0};
    assert_int_equal(xml_read(arena, text, strlen(text), &root, &error), STATUS_INVALID);
    assert_string_equal(error.code, "malformed_xml");
    assert_null(root);
    if (strstr(error.message, message_part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message_part, error.message);
}

static void finds_texts_by_their_path(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const XmlNode *root = reads(
        arena,
        "<?xml version=\"1.0\"?>\n<R xmlns=\"https://iam.amazonaws.com/doc/\">\n <A>\n"
        "  <B>one</B><B a=\"x\">t&amp;w<![CDATA[<o>]]>&#x21;</B><n:C/></A><D> a b </D>\n</R>");
    assert_string_equal(root->name, "R");
    assert_string_equal(root->text, "");
    assert_string_equal(xml_text(root, "A/B"), "one");
    const XmlNode *item = xml_find(root, "A/B");
    item = xml_next(item);
    assert_string_equal(item->text, "t&w<o>!");
    assert_null(xml_next(item));
    assert_string_equal(xml_text(root, "D"), " a b ");
    assert_null(xml_text(root, "A/X"));
    assert_null(xml_text(root, "X/B"));
    assert_null(xml_find(NULL, "A"));
    assert_ptr_equal(xml_find(root, ""), root);
}

static void reads_numbers_and_flags(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const XmlNode *root = reads(arena, "<R><N>5432</N><M>-1</M><T>true</T><F>false</F><E/>"
                                       "<O>99999999999999999999</O><G>12x</G></R>");
    assert_int_equal(xml_int(root, "N", 0), 5432);
    assert_int_equal(xml_int(root, "M", 0), -1);
    assert_int_equal(xml_int(root, "O", 7), 7);
    assert_int_equal(xml_int(root, "G", 7), 7);
    assert_int_equal(xml_int(root, "E", 7), 7);
    assert_int_equal(xml_int(root, "none", 7), 7);
    assert_true(xml_bool(root, "T"));
    assert_false(xml_bool(root, "F"));
    assert_false(xml_bool(root, "none"));
}

static void refuses_types_and_their_entities(void **state) {
    refuses("<!DOCTYPE R [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><R>&b;</R>", "type");
    refuses("<!DOCTYPE R SYSTEM \"file:///etc/passwd\"><R/>", "type");
    refuses("<!DOCTYPE R [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><R>&a;</R>", "type");
    refuses("<R>&a;</R>", "");
}

static void refuses_what_is_not_well_formed(void **state) {
    static const char *const TEXTS[] = {
        "",
        " ",
        "text",
        "<R>",
        "<R><A></R>",
        "<R></R><S/>",
        "<R>\x01</R>",
        "{\"a\": 1}",
        "<R>\xff</R>",
        "<R a=></R>",
        "<R>&#0;</R>",
        "<",
        "<R",
    };
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++)
        refuses(TEXTS[i], "malformed XML");
}

static void refuses_what_is_too_deep(void **state) {
    Buffer text = {0};
    for (int i = 0; i < XML_MAX_DEPTH + 1; i++)
        buffer_add(&text, "<a>");
    refuses(buffer_text(&text), "too deep");
    buffer_done(&text);
    for (int i = 0; i < XML_MAX_DEPTH; i++)
        buffer_add(&text, "<a>");
    for (int i = 0; i < XML_MAX_DEPTH; i++)
        buffer_add(&text, "</a>");
    CLEANUP(arena_freep) Arena *arena = arena_new();
    reads(arena, buffer_text(&text));
    buffer_done(&text);
}

static void refuses_what_is_too_much(void **state) {
    Buffer text = {0};
    buffer_add(&text, "<R>");
    for (int i = 0; i < XML_MAX_NODES; i++)
        buffer_add(&text, "<a/>");
    buffer_add(&text, "</R>");
    refuses(buffer_text(&text), "too many elements");
    buffer_done(&text);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const XmlNode *root = NULL;
    Error error = {0};
    assert_int_equal(xml_read(arena, "<R/>", (size_t)XML_MAX_BYTES + 1, &root, &error),
                     STATUS_TOO_LARGE);
}

static void every_cut_of_a_document_is_refused(void **state) {
    static const char TEXT[] = "<?xml version=\"1.0\"?><R><A>one</A><B><![CDATA[x]]></B></R>";
    for (size_t length = 0; length < strlen(TEXT); length++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        const XmlNode *root = NULL;
        if (xml_read(arena, TEXT, length, &root, NULL) == STATUS_OK)
            fail_msg("%zu bytes are taken", length);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_texts_by_their_path),
        cmocka_unit_test(reads_numbers_and_flags),
        cmocka_unit_test(refuses_types_and_their_entities),
        cmocka_unit_test(refuses_what_is_not_well_formed),
        cmocka_unit_test(refuses_what_is_too_deep),
        cmocka_unit_test(refuses_what_is_too_much),
        cmocka_unit_test(every_cut_of_a_document_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
