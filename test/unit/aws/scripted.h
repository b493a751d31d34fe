// A server on a free loopback port that answers what a test wrote down, in its order, and keeps
// what it was sent. Each answer ends its connection. The last one is given again to whoever asks
// more.
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct ScriptedAnswer {
    int status;          // 0: 200
    const char *headers; // whole lines, each with "\r\n"; NULL: none
    const char *body;    // NULL: none
    size_t cut;          // so many bytes of the body are kept back, though its length counts them
    bool hang_up;        // nothing is answered at all
} ScriptedAnswer;

typedef struct Scripted Scripted;

// Copies the answers, borrows their texts.
Scripted *scripted_start(const ScriptedAnswer *answers, size_t count);
Scripted *scripted_stop(Scripted *scripted);
const char *scripted_url(const Scripted *scripted); // "http://127.0.0.1:PORT"
size_t scripted_calls(Scripted *scripted);
// Head and body of the call; lives as long as the server. Fails the test when there was none.
const char *scripted_call(Scripted *scripted, size_t index);
