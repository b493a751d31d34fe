// How the values of a credential are written inside other languages: one function for each rule of
// quoting. What they add may be a password: the buffer has to be one that is wiped.
#pragma once

#include "base/buffer.h"
#include "wire/messages.h"

// In single quotes, where a shell takes nothing for anything else; a quote itself is '\''
// (POSIX.1-2017, XCU 2.2.2).
void add_shell_quoted(Buffer *into, const char *text);
// A line `export NAME='value'`; nothing where the value is NULL.
void add_export(Buffer *into, const char *name, const char *value);

bool host_is_ipv6(const char *host);
// "host:port", with a host for a URL (RFC 3986, 3.2.2): [::1] for an address of IPv6.
void add_url_authority(Arena *arena, Buffer *into, const Credential *credential);
// "user:password@host:port".
void add_url_login(Arena *arena, Buffer *into, const Credential *credential);

// name={value};  With '}' doubled (MS-ODBCSTR 2.1.2:
// https://learn.microsoft.com/openspecs/sql_server_protocols/ms-odbcstr); JDBC for SQL Server has
// the same rule
// (https://learn.microsoft.com/sql/connect/jdbc/building-the-connection-url). NULL adds nothing.
void add_braced(Buffer *into, const char *name, const char *value);
// name="value";  With '"' doubled, as DbConnectionStringBuilder reads it
// (https://learn.microsoft.com/dotnet/framework/data/adonet/connection-string-syntax). NULL adds
// nothing.
void add_dotnet(Buffer *into, const char *name, const char *value);
// name = "value" of a MySQL option file, with '\' and '"' behind a '\'
// (https://dev.mysql.com/doc/refman/9.4/en/option-files.html); in quotes a '#' is no comment and
// blanks stay. NULL adds nothing.
void add_option_line(Buffer *into, const char *name, const char *value);

const char *port_text(Arena *arena, const Credential *credential);
// Letters, digits and "_.-" alone: what needs no quoting anywhere.
bool text_is_plain(const char *text);
