#include "config/options.h"

#include "base/buffer.h"
#include "base/file.h"
#include "config/man.h"
#include "config/yaml.h"

#include <stdint.h>
#include <string.h>

enum { INDENT = 2, HELP_NAME_MAX = 34, HELP_TYPE_MAX = 26 };

// Whether an absent group of options means its defaults: see options.h.
static bool group_has_defaults(const Shape *shape) {
    bool found = false;
    for (size_t i = 0; i < shape->field_count; i++) {
        const Field *field = &shape->fields[i];
        if (field->required)
            return false;
        found = found || field->default_text != NULL ||
                (field->kind == FIELD_KIND_OBJECT && group_has_defaults(field->shape));
    }
    return found;
}

static json_t *fill_list(Arena *arena, const Shape *shape, json_t *list);

// A copy of the value in which absent groups that have defaults are there, empty, for shape_read to
// fill. What is not an object is left to shape_read to refuse.
static json_t *fill_groups(Arena *arena, const Shape *shape, json_t *value) {
    if (!json_is_object(value))
        return value;
    json_t *filled = json_keep(arena, json_copy(value));
    for (size_t i = 0; i < shape->field_count; i++) {
        const Field *field = &shape->fields[i];
        json_t *found = json_object_get(filled, field->name);
        if (field->kind == FIELD_KIND_OBJECTS && json_is_array(found))
            json_object_set(filled, field->name, fill_list(arena, field->shape, found));
        if (field->kind != FIELD_KIND_OBJECT)
            continue;
        if (found == NULL && !field->required && group_has_defaults(field->shape))
            found = json_keep(arena, json_object());
        if (found != NULL)
            json_object_set(filled, field->name, fill_groups(arena, field->shape, found));
    }
    return filled;
}

static json_t *fill_list(Arena *arena, const Shape *shape, json_t *list) {
    json_t *filled = json_keep(arena, json_array());
    for (size_t i = 0; i < json_array_size(list); i++)
        json_array_append(filled, fill_groups(arena, shape, json_array_get(list, i)));
    return filled;
}

// The fields' defaults, without asking for those that are required.
static void load_defaults(Arena *arena, const Shape *shape, void *into) {
    shape_default(arena, shape, into);
    for (size_t i = 0; i < shape->field_count; i++) {
        const Field *field = &shape->fields[i];
        if (field->kind != FIELD_KIND_OBJECT || field->required ||
            !group_has_defaults(field->shape))
            continue;
        void *group = arena_alloc(arena, field->shape->size);
        load_defaults(arena, field->shape, group);
        // Copied byte by byte, because the member's own type is another pointer than void *.
        memcpy((char *)into + field->offset, &group, sizeof(group));
    }
}

Status options_load(Arena *arena, const Shape *shape, const char *path, void *into, Error *reterr) {
    if (path == NULL) {
        load_defaults(arena, shape, into);
        return STATUS_OK;
    }
    json_t *value;
    YamlPlaces *places;
    TRY(file_check_writers(path, reterr));
    TRY(yaml_read_file(arena, path, &value, &places, reterr));
    Error error = {0};
    void *read = arena_alloc(arena, shape->size);
    if (shape_read(arena, shape, fill_groups(arena, shape, value), read, &error) != STATUS_OK) {
        yaml_locate(arena, places, &error);
        if (reterr != NULL)
            *reterr = error;
        return error.status;
    }
    memcpy(into, read, shape->size);
    return STATUS_OK;
}

void options_locate(Arena *arena, const char *path, Error *error) {
    json_t *value;
    YamlPlaces *places;
    if (path != NULL && yaml_read_file(arena, path, &value, &places, NULL) == STATUS_OK)
        yaml_locate(arena, places, error);
}

static const char *enum_choices(Arena *arena, const EnumTable *names) {
    StringList list = {0};
    for (size_t i = 0; i < names->count; i++) {
        if (names->names[i] != NULL)
            string_list_add(arena, &list, names->names[i]);
    }
    return string_list_join(arena, &list, "|");
}

static const char *kind_text(Arena *arena, const Field *field) {
    switch (field->kind) {
    case FIELD_KIND_STRING:
        return "text";
    case FIELD_KIND_INT:
        return "integer";
    case FIELD_KIND_BOOL:
        return "true|false";
    case FIELD_KIND_ENUM:
        return enum_choices(arena, field->names);
    case FIELD_KIND_DURATION:
        return "duration";
    case FIELD_KIND_TIME:
        return "time";
    case FIELD_KIND_STRINGS:
        return "list of text";
    case FIELD_KIND_OBJECT:
        return "group";
    case FIELD_KIND_OBJECTS:
        return "list";
    case FIELD_KIND_JSON:
        return "any value";
    }
    return "?";
}

// "required", the default, or NULL.
static const char *default_text(const Field *field) {
    return field->required ? "required" : field->default_text;
}

// ---- options_print ----------------------------------------------------------------------------

static void add_indent(Buffer *buffer, size_t indent) {
    buffer_addf(buffer, "%*s", (int)indent, "");
}

static void add_comment(Arena *arena, Buffer *buffer, const Field *field, size_t indent) {
    add_indent(buffer, indent);
    buffer_addf(buffer, "# %s%s(%s", field->help != NULL ? field->help : "",
                field->help != NULL ? " " : "", kind_text(arena, field));
    if (default_text(field) != NULL)
        buffer_addf(buffer, "%s%s", field->required ? ", " : ", default ", default_text(field));
    buffer_add(buffer, ")\n");
}

// The lines of YAML text, each indented.
static void add_lines(Buffer *buffer, const char *text, size_t indent) {
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        add_indent(buffer, indent);
        buffer_add_bytes(buffer, text, length);
        buffer_add(buffer, "\n");
        text += length + (text[length] == '\n');
    }
}

static void print_group(Arena *arena, Buffer *buffer, const Shape *shape, const json_t *values,
                        size_t indent);

static void print_field(Arena *arena, Buffer *buffer, const Field *field, json_t *value,
                        size_t indent) {
    add_comment(arena, buffer, field, indent);
    if (field->kind == FIELD_KIND_OBJECT && value != NULL) {
        add_indent(buffer, indent);
        buffer_addf(buffer, "%s:\n", field->name);
        print_group(arena, buffer, field->shape, value, indent + INDENT);
    } else if (value != NULL) {
        json_t *one = json_keep(arena, json_object());
        json_object_set(one, field->name, value);
        add_lines(buffer, yaml_format(arena, one), indent);
    } else {
        add_indent(buffer, indent);
        buffer_addf(buffer, "# %s:\n", field->name);
    }
}

static void print_group(Arena *arena, Buffer *buffer, const Shape *shape, const json_t *values,
                        size_t indent) {
    for (size_t i = 0; i < shape->field_count; i++) {
        const Field *field = &shape->fields[i];
        if (i > 0 && indent == 0)
            buffer_add(buffer, "\n");
        print_field(arena, buffer, field, json_object_get(values, field->name), indent);
    }
}

const char *options_print(Arena *arena, const Shape *shape, const void *values) {
    Buffer buffer = {0};
    print_group(arena, &buffer, shape, shape_write_redacted(arena, shape, values), 0);
    const char *text = arena_copy(arena, buffer_text(&buffer), buffer.length);
    buffer_done(&buffer);
    return text;
}

// ---- options_help and options_man -------------------------------------------------------------

// `group` is the group that may be left out and this option with it, or NULL.
typedef void OptionVisit(Arena *arena, Buffer *buffer, const char *name, const char *group,
                         const Field *field);

static void visit_options(Arena *arena, Buffer *buffer, const Shape *shape, const char *prefix,
                          const char *group, OptionVisit *visit) {
    for (size_t i = 0; i < shape->field_count; i++) {
        const Field *field = &shape->fields[i];
        const char *name = arena_printf(arena, "%s%s", prefix, field->name);
        if (field->kind != FIELD_KIND_OBJECT)
            visit(arena, buffer, name, group, field);
        if (field->kind == FIELD_KIND_OBJECT)
            visit_options(arena, buffer, field->shape, arena_printf(arena, "%s.", name),
                          field->required ? group : name, visit);
        if (field->kind == FIELD_KIND_OBJECTS)
            visit_options(arena, buffer, field->shape, arena_printf(arena, "%s[].", name), NULL,
                          visit);
    }
}

static void help_line(Arena *arena, Buffer *buffer, const char *name, const char *group,
                      const Field *field) {
    const char *kind = kind_text(arena, field);
    const char *preset = default_text(field) != NULL ? default_text(field) : "-";
    if (field->required && group != NULL)
        preset = arena_printf(arena, "with %s", group);
    buffer_addf(buffer, "  %-*s  %-*s  %-12s  %s\n", HELP_NAME_MAX, name, HELP_TYPE_MAX, kind,
                preset, field->help != NULL ? field->help : "");
}

static void man_entry(Arena *arena, Buffer *buffer, const char *name, const char *group,
                      const Field *field) {
    buffer_addf(buffer, ".TP\n.BR \"%s\" \" (%s)\"\n", man_escape(arena, name),
                man_escape(arena, kind_text(arena, field)));
    if (field->help != NULL)
        buffer_addf(buffer, "%s.\n", man_escape(arena, field->help));
    if (field->required && group != NULL)
        buffer_addf(buffer, "Required where %s is set.\n", man_escape(arena, group));
    else if (field->required)
        buffer_add(buffer, "Required.\n");
    else if (field->default_text != NULL)
        buffer_addf(buffer, "Default: %s.\n", man_escape(arena, field->default_text));
    else if (field->help == NULL)
        buffer_add(buffer, "Optional.\n");
}

static const char *visit_all(Arena *arena, const Shape *shape, OptionVisit *visit) {
    Buffer buffer = {0};
    visit_options(arena, &buffer, shape, "", NULL, visit);
    const char *text = arena_copy(arena, buffer_text(&buffer), buffer.length);
    buffer_done(&buffer);
    return text;
}

const char *options_help(Arena *arena, const Shape *shape) {
    return visit_all(arena, shape, help_line);
}

const char *options_man(Arena *arena, const Shape *shape) {
    return arena_printf(arena, ".SH OPTIONS\n%s", visit_all(arena, shape, man_entry));
}
