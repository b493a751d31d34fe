#include "cli/output.h"

#include "base/buffer.h"
#include "base/text.h"

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MINUTE_S = 60, HOUR_S = 60 * MINUTE_S, DAY_S = 24 * HOUR_S };
enum { LAST_COLUMN_LEAST = 24 }; // narrower than that, nobody reads a column

static const char *const COLOUR_CODES[] = {[COLOUR_NONE] = NULL,
                                           [COLOUR_GOOD] = "\033[32m",
                                           [COLOUR_ATTENTION] = "\033[33m",
                                           [COLOUR_BAD] = "\033[31m",
                                           [COLOUR_FAINT] = "\033[2m"};

// Names that libsmartcols knows, or its own sequences.
static const char *const CELL_COLOURS[] = {[COLOUR_NONE] = NULL,
                                           [COLOUR_GOOD] = "green",
                                           [COLOUR_ATTENTION] = "yellow",
                                           [COLOUR_BAD] = "red",
                                           [COLOUR_FAINT] = "\033[2m"};

// ---- Lines ------------------------------------------------------------------------------------

// Each line by itself, so that line breaks stay.
static void put_lines(Arena *arena, FILE *to, const char *text) {
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        fputs(text_printable(arena, arena_copy(arena, text, length)), to);
        if (text[length] == '\n')
            fputc('\n', to);
        text += length + (text[length] == '\n');
    }
}

void say(Cli *cli, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_lines(cli->arena, cli->out, arena_vprintf(cli->arena, format, arguments));
    va_end(arguments);
    fputc('\n', cli->out);
}

void say_coloured(Cli *cli, Colour colour, const char *format, ...) {
    const char *code = cli->colours ? COLOUR_CODES[colour] : NULL;
    if (code != NULL)
        fputs(code, cli->out);
    va_list arguments;
    va_start(arguments, format);
    put_lines(cli->arena, cli->out, arena_vprintf(cli->arena, format, arguments));
    va_end(arguments);
    fputs(code != NULL ? "\033[0m\n" : "\n", cli->out);
}

void note(Cli *cli, const char *format, ...) {
    if (cli->json)
        return;
    va_list arguments;
    va_start(arguments, format);
    put_lines(cli->arena, cli->err, arena_vprintf(cli->arena, format, arguments));
    va_end(arguments);
    fputc('\n', cli->err);
}

void say_json(Cli *cli, const json_t *value) {
    const char *text = json_text_indented(cli->arena, value);
    if (cli->out_terminal)
        put_lines(cli->arena, cli->out, text);
    else
        fputs(text, cli->out); // JSON has no raw control characters, and a program wants every byte
    fputc('\n', cli->out);
}

void say_json_list(Cli *cli, json_t *items) {
    json_t *list = json_keep(cli->arena, json_object());
    json_object_set(list, "items", items);
    say_json(cli, list);
}

void say_error(Cli *cli, const Error *error) {
    if (!cli->json) {
        fputs("daypass: ", cli->err);
        put_lines(cli->arena, cli->err, error->message);
        fputc('\n', cli->err);
        return;
    }
    json_t *inner = json_keep(cli->arena, json_object());
    json_object_set_new(inner, "kind", json_string(status_name(error->status)));
    json_object_set_new(inner, "code", json_string(error->code));
    json_object_set_new(inner, "message", json_string(text_printable(cli->arena, error->message)));
    if (error->pointer[0] != '\0')
        json_object_set_new(inner, "pointer",
                            json_string(text_printable(cli->arena, error->pointer)));
    json_t *outer = json_keep(cli->arena, json_object());
    json_object_set(outer, "error", inner);
    fputs(json_text(cli->arena, outer), cli->err);
    fputc('\n', cli->err);
}

// ---- Times ------------------------------------------------------------------------------------

static const char *two_units(Arena *arena, int64_t seconds) {
    long long days = seconds / DAY_S, hours = seconds / HOUR_S % 24;
    long long minutes = seconds / MINUTE_S % 60, rest = seconds % MINUTE_S;
    if (days > 0)
        return hours > 0 ? arena_printf(arena, "%lldd %lldh", days, hours)
                         : arena_printf(arena, "%lldd", days);
    if (hours > 0)
        return minutes > 0 ? arena_printf(arena, "%lldh %lldm", hours, minutes)
                           : arena_printf(arena, "%lldh", hours);
    // Seconds matter only near the end.
    if (minutes >= 10)
        return arena_printf(arena, "%lldm", minutes);
    if (minutes > 0)
        return rest > 0 ? arena_printf(arena, "%lldm %llds", minutes, rest)
                        : arena_printf(arena, "%lldm", minutes);
    return arena_printf(arena, "%llds", rest);
}

const char *time_relative(Arena *arena, int64_t at_ms, int64_t now_ms) {
    // To the nearest second, so that what was just given "for 2h" does not end in 1h 59m.
    int64_t difference_ms = at_ms - now_ms;
    int64_t difference_s =
        (difference_ms + (difference_ms < 0 ? -1 : 1) * SECOND_MS / 2) / SECOND_MS;
    if (difference_s == 0)
        return "now";
    if (difference_s > 0)
        return arena_printf(arena, "in %s", two_units(arena, difference_s));
    return arena_printf(arena, "%s ago", two_units(arena, -difference_s));
}

const char *time_text(const Cli *cli, int64_t at_ms) {
    if (at_ms == 0)
        return "-";
    time_t seconds = (time_t)(at_ms / SECOND_MS);
    struct tm local;
    char text[64];
    if (localtime_r(&seconds, &local) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &local) == 0)
        return "-";
    return arena_printf(cli->arena, "%s (%s)", text,
                        time_relative(cli->arena, at_ms, clock_now_ms(cli->clock)));
}

const char *duration_text(Arena *arena, int64_t seconds) {
    char text[DURATION_SIZE];
    return seconds == 0 ? "-" : arena_strdup(arena, duration_format(seconds, text));
}

const char *or_dash(const char *text) {
    return text != NULL && text[0] != '\0' ? text : "-";
}

Colour state_colour(const char *state) {
    static const struct {
        const char *state;
        Colour colour;
    } COLOURS[] = {
        {"active", COLOUR_GOOD},        {"ok", COLOUR_GOOD},
        {"pending", COLOUR_ATTENTION},  {"approved", COLOUR_ATTENTION},
        {"granting", COLOUR_ATTENTION}, {"revoking", COLOUR_ATTENTION},
        {"late", COLOUR_ATTENTION},     {"warning", COLOUR_ATTENTION},
        {"failed", COLOUR_BAD},         {"rejected", COLOUR_BAD},
        {"lost", COLOUR_BAD},           {"ended", COLOUR_FAINT},
        {"cancelled", COLOUR_FAINT},    {"lapsed", COLOUR_FAINT},
        {"never", COLOUR_FAINT},        {"unknown", COLOUR_FAINT},
    };
    for (size_t i = 0; i < COUNT_OF(COLOURS); i++) {
        if (text_equal(COLOURS[i].state, state))
            return COLOURS[i].colour;
    }
    return COLOUR_NONE;
}

// ---- Tables -----------------------------------------------------------------------------------

struct Table {
    Cli *cli;
    struct libscols_table *columns;
    struct libscols_line *last;
    size_t column_count;
};

// libsmartcols fails only for lack of memory, or for a column that is not there.
static void must(int result) {
    if (result != 0)
        abort();
}

Table *table_new(Cli *cli, const char *const *titles) {
    Table *table = mem_alloc(sizeof(*table));
    table->cli = cli;
    table->columns = scols_new_table();
    if (table->columns == NULL)
        abort();
    must(scols_table_enable_colors(table->columns, cli->colours));
    must(scols_table_set_stream(table->columns, cli->out));
    // For a program every cell is whole, however long.
    must(scols_table_enable_maxout(table->columns, 0));
    if (!cli->out_terminal)
        must(scols_table_set_termforce(table->columns, SCOLS_TERMFORCE_NEVER));
    for (; titles[table->column_count] != NULL; table->column_count++) {
        // The last column holds the long texts; names and ids are never cut.
        bool is_last = titles[table->column_count + 1] == NULL;
        if (scols_table_new_column(table->columns, titles[table->column_count], 0,
                                   is_last ? SCOLS_FL_WRAP : 0) == NULL)
            abort();
    }
    return table;
}

Table *table_free(Table *table) {
    if (table == NULL)
        return NULL;
    scols_unref_table(table->columns);
    return mem_free(table);
}

void table_row(Table *table, const char *const *cells) {
    table->last = scols_table_new_line(table->columns, NULL);
    if (table->last == NULL)
        abort();
    for (size_t i = 0; i < table->column_count; i++)
        must(scols_line_set_data(table->last, i,
                                 text_printable(table->cli->arena, or_dash(cells[i]))));
}

void table_colour(Table *table, size_t column, Colour colour) {
    if (CELL_COLOURS[colour] != NULL)
        must(scols_cell_set_color(scols_line_get_cell(table->last, column), CELL_COLOURS[colour]));
}

static size_t count_characters(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

// The text in lines of at most `width` characters, broken between words where that can be.
static const char *wrap_words(Arena *arena, const char *text, size_t width, const char *between) {
    CLEANUP(buffer_done) Buffer lines = {0};
    while (count_characters(text) > width) {
        size_t fits = 0, space = 0;
        for (size_t taken = 0; taken <= width; taken++) {
            if (text[fits] == ' ')
                space = fits;
            if (taken == width)
                break;
            do
                fits++;
            while (((unsigned char)text[fits] & 0xC0) == 0x80);
        }
        buffer_add_bytes(&lines, text, space > 0 ? space : fits);
        buffer_add(&lines, between);
        text += space > 0 ? space + 1 : fits;
    }
    buffer_add(&lines, text);
    return arena_strdup(arena, buffer_text(&lines));
}

static const char *title_at(const Table *table, size_t column) {
    return scols_column_get_name(scols_table_get_column(table->columns, column));
}

static const char *text_at(const Table *table, size_t row, size_t column) {
    struct libscols_line *line = scols_table_get_line(table->columns, row);
    return scols_cell_get_data(scols_line_get_cell(line, column));
}

static size_t column_width(const Table *table, size_t column) {
    size_t widest = count_characters(title_at(table, column));
    for (size_t row = 0; row < scols_table_get_nlines(table->columns); row++) {
        size_t width = count_characters(text_at(table, row, column));
        widest = width > widest ? width : widest;
    }
    return widest;
}

// One line a cell, for terminals on which a row does not fit.
static void print_records(const Table *table, size_t width) {
    size_t title_width = 0;
    for (size_t column = 0; column < table->column_count; column++) {
        size_t length = strlen(title_at(table, column));
        title_width = length > title_width ? length : title_width;
    }
    size_t room = width > title_width + 3 ? width - title_width - 2 : 1;
    const char *indent = arena_printf(table->cli->arena, "\n%*s", (int)title_width + 2, "");
    for (size_t row = 0; row < scols_table_get_nlines(table->columns); row++) {
        if (row > 0)
            say(table->cli, "%s", "");
        for (size_t column = 0; column < table->column_count; column++)
            say(table->cli, "%-*s  %s", (int)title_width, title_at(table, column),
                wrap_words(table->cli->arena, text_at(table, row, column), room, indent));
    }
}

// libsmartcols wraps anywhere; at line breaks, when they are there.
static void wrap_last_column(const Table *table, size_t width) {
    size_t last = table->column_count - 1;
    struct libscols_column *column = scols_table_get_column(table->columns, last);
    must(scols_column_set_safechars(column, "\n"));
    must(scols_column_set_wrapfunc(column, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL));
    for (size_t row = 0; row < scols_table_get_nlines(table->columns); row++) {
        struct libscols_line *line = scols_table_get_line(table->columns, row);
        const char *text = text_at(table, row, last);
        must(scols_line_set_data(line, last, wrap_words(table->cli->arena, text, width, "\n")));
    }
}

void table_print(Table *table, const char *nothing) {
    if (scols_table_get_nlines(table->columns) == 0) {
        note(table->cli, "%s", nothing);
        return;
    }
    size_t width = scols_table_get_termwidth(table->columns);
    size_t taken = 0;
    for (size_t column = 0; column + 1 < table->column_count; column++)
        taken += column_width(table, column) + 1;
    size_t whole = taken + column_width(table, table->column_count - 1);
    if (table->cli->out_terminal && whole > width) {
        if (taken + LAST_COLUMN_LEAST > width) {
            print_records(table, width);
            return;
        }
        wrap_last_column(table, width - taken);
    }
    fflush(table->cli->out);
    must(scols_print_table(table->columns));
}
