// What AWS's error codes mean, and how they stand in its answers. Inside src/aws alone.
#pragma once

#include "aws/call.h"

// Code and message out of an answer that is no success; what is not there stays empty. `ret_id`:
// the request's id where the answer has it, in the arena.
void fault_read_xml(Arena *arena, const XmlNode *root, AwsFault *fault, const char **ret_id);
void fault_read_json(Arena *arena, const json_t *answer, AwsFault *fault);
// From code and http_status: whether it was throttled, and may be repeated.
void fault_classify(AwsFault *fault);
// Of a fault that AWS answered with.
Status fault_status(const AwsFault *fault);
// The credentials are at fault, or their time, so that new ones may help.
bool fault_is_expired(const AwsFault *fault);
// The clocks may disagree.
bool fault_is_skewed(const AwsFault *fault);
