// What was last seen of each integration, for the polls. Thread-safe.
#pragma once

#include "base/memory.h"
#include "wire/messages.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Health Health;

Health *health_new(void);
Health *health_free(Health *health);
DEFINE_CLEANUP(Health, health_free)

void health_note(Health *health, const char *integration, bool ok, const char *message,
                 int64_t checked_at);
// Copies.
IntegrationHealthList health_list(Health *health, Arena *arena);
