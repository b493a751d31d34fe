// What AWS, or whatever stands in its place, answers: XML and JSON, errors of both, credentials. A
// tree that was read is within its bounds, and what goes into messages is printable and whole.
#include "fuzz/target.h"

#include "aws/credentials.h"
#include "aws/fault.h"
#include "aws/xml.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void require(bool condition) {
    if (!condition)
        abort(); // also where assert is compiled out
}

static size_t check_tree(const XmlNode *node, size_t depth) {
    require(depth <= XML_MAX_DEPTH);
    size_t count = 0;
    for (; node != NULL; node = node->next) {
        require(node->name != NULL && node->name[0] != '\0' && node->text != NULL);
        require(text_is_utf8(node->text, strlen(node->text)));
        count += 1 + check_tree(node->child, depth + 1);
    }
    return count;
}

static void check_fault(AwsFault *fault, int http_status) {
    fault->http_status = http_status;
    fault_classify(fault);
    require(text_is_printable(fault->code) && text_is_printable(fault->message));
    require(strlen(fault->code) < sizeof(fault->code));
    require(strstr(fault->message, "The Canonical String") == NULL);
    require(fault_status(fault) != STATUS_OK);
    require(!fault->throttled || fault->repeatable);
}

static void check_xml(Arena *arena, const char *text, size_t size) {
    const XmlNode *root = NULL;
    Error error = {0};
    if (xml_read(arena, text, size, &root, &error) != STATUS_OK) {
        require(root == NULL && error.message[0] != '\0');
        return;
    }
    require(root->next == NULL && check_tree(root, 1) <= XML_MAX_NODES);
    AwsFault fault = {0};
    const char *id = NULL;
    fault_read_xml(arena, root, &fault, &id);
    check_fault(&fault, 400);
}

static void check_json(Arena *arena, const char *text, size_t size) {
    json_t *value = NULL;
    if (json_read(arena, text, size, &value, NULL) == STATUS_OK) {
        AwsFault fault = {0};
        fault_read_json(arena, value, &fault);
        check_fault(&fault, 503);
    }
    CLEANUP(aws_credentials_freep) AwsCredentials *credentials = NULL;
    if (aws_credentials_parse("fuzz", text, size, &credentials, NULL) == STATUS_OK) {
        require(text_is_printable(credentials->access_key_id));
        require(credentials->access_key_id[0] != '\0' &&
                secret_length(credentials->secret_key) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *text = arena_copy(arena, data, size);
    check_xml(arena, text, size);
    check_json(arena, text, size);
    return 0;
}
