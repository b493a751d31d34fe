// Text inside a man page (man(7)).
#pragma once

#include "base/memory.h"

// One line: a backslash, a hyphen, a quote and a leading dot or apostrophe lose their meaning.
const char *man_escape(Arena *arena, const char *text);
