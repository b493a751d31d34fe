// People at work on Daypass's API, many at once: the load of the benchmark, and its clock.
#include <getopt.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/memory.h"
#include "http_call.h"
#include "samples.h"

enum { TOKENS_MAX = 64, TOKEN_MAX_BYTES = 256, KEY_BYTES = 32 };

static const char USAGE[] =
    "usage: api_load --host HOST --port PORT --tokens FILE --do WHAT [--flow NAME] [--threads N]\n"
    "         [--seconds S | --count N] [--decider FILE] [--path PATH] [--pause-ms N]\n"
    "         [--ends-at SECONDS] [--duration TEXT]\n"
    "\n"
    "  --tokens FILE     one token a line; threads take them in turn\n"
    "  --do cycle        request, wait until it is active, revoke, wait until it has ended\n"
    "  --do credential   request, approve as the one of --decider, wait, fetch the sealed "
    "credential\n"
    "                    (timed from the approving call on), revoke, wait\n"
    "  --do grant        request and wait until it is active; it is left so\n"
    "  --do get          GET of --path, a pause of --pause-ms after each\n"
    "  --ends-at SECONDS grants end within that second since 1970, however late they are asked "
    "for\n"
    "\n"
    "Prints one JSON object: seconds, count, cpu_seconds of this program, and times in "
    "microseconds.\n";

typedef enum Work { WORK_NONE, WORK_CYCLE, WORK_CREDENTIAL, WORK_GRANT, WORK_GET } Work;

typedef struct Load {
    const char *host;
    const char *port;
    char tokens[TOKENS_MAX][TOKEN_MAX_BYTES];
    size_t token_count;
    char decider[TOKEN_MAX_BYTES];
    Work work;
    const char *flow;
    const char *path;
    const char *duration;
    int64_t ends_at_s;
    int threads;
    double seconds;
    int64_t count;
    int pause_ms;
    int64_t end_us;
    pthread_barrier_t start;
    atomic_llong next;
} Load;

typedef struct Person {
    Load *load;
    pthread_t thread;
    const char *token;
    HttpConnection connection;
    Samples firsts;  // grant, credential or get
    Samples seconds; // revocation
} Person;

typedef struct View {
    char id[64];
    char state[32];
    int64_t version;
} View;

static void copy_text(const char *body, const char *name, char *to, size_t size) {
    const char *at = strstr(body, name);
    if (at == NULL)
        give_up("an answer without %s %.200s", name, body);
    at += strlen(name);
    size_t length = strcspn(at, "\"");
    if (length >= size)
        give_up("%s is longer than expected", name);
    memcpy(to, at, length);
    to[length] = '\0';
}

// The members of a grant's view come in one order, its own before those of what it contains.
static View read_view(HttpAnswer answer, int status, const char *doing) {
    if (answer.status != status)
        give_up("%s: HTTP status %d; expected %d: %.600s", doing, answer.status, status,
                answer.body);
    View view = {0};
    copy_text(answer.body, "\"id\":\"", view.id, sizeof view.id);
    copy_text(answer.body, "\"state\":\"", view.state, sizeof view.state);
    const char *version = strstr(answer.body, "\"version\":");
    if (version == NULL)
        give_up("%s: a view without a version", doing);
    view.version = strtoll(version + strlen("\"version\":"), NULL, 10);
    return view;
}

static void duration_until(const Load *load, char *text, size_t size) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text, size, "%llds", (long long)(load->ends_at_s - now.tv_sec));
}

static View request(Person *person) {
    unsigned char key[KEY_BYTES];
    unsigned char secret[KEY_BYTES];
    char text[sodium_base64_ENCODED_LEN(KEY_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    crypto_box_keypair(key, secret);
    sodium_bin2base64(text, sizeof text, key, sizeof key, sodium_base64_VARIANT_ORIGINAL);
    char duration[32];
    snprintf(duration, sizeof duration, "%s", person->load->duration);
    if (person->load->ends_at_s != 0)
        duration_until(person->load, duration, sizeof duration);
    char body[1024];
    snprintf(
        body, sizeof body,
        "{\"flow\":\"%s\",\"duration\":\"%s\",\"reason\":\"a benchmark\",\"public_key\":\"%s\"}",
        person->load->flow, duration, text);
    return read_view(http_call(&person->connection, "POST", "/v1/grants", person->token, body), 201,
                     "requesting");
}

static void await_state(Person *person, View *view, const char *state) {
    while (strcmp(view->state, state) != 0) {
        if (strcmp(view->state, "failed") == 0 || strcmp(view->state, "ended") == 0)
            give_up("grant %s is %s; expected %s", view->id, view->state, state);
        char path[160];
        snprintf(path, sizeof path, "/v1/grants/%s?wait_s=20&version=%lld", view->id,
                 (long long)view->version);
        *view = read_view(http_call(&person->connection, "GET", path, person->token, NULL), 200,
                          "waiting");
    }
}

static void act_on(Person *person, View *view, const char *verb, const char *token) {
    char path[160];
    snprintf(path, sizeof path, "/v1/grants/%s/%s", view->id, verb);
    *view = read_view(http_call(&person->connection, "POST", path, token, "{}"), 200, verb);
}

static void fetch_credential(Person *person, const View *view) {
    char path[160];
    snprintf(path, sizeof path, "/v1/grants/%s/credentials", view->id);
    HttpAnswer answer = http_call(&person->connection, "GET", path, person->token, NULL);
    if (answer.status != 200 || strstr(answer.body, "\"sealed\":\"") == NULL)
        give_up("no sealed credential: HTTP status %d: %.300s", answer.status, answer.body);
}

static void give(Person *person, View *view) {
    int64_t began_us = now_us();
    *view = request(person);
    if (person->load->work == WORK_CREDENTIAL) {
        began_us = now_us();
        act_on(person, view, "approve", person->load->decider);
    }
    await_state(person, view, "active");
    if (person->load->work == WORK_CREDENTIAL)
        fetch_credential(person, view);
    samples_add(&person->firsts, now_us() - began_us);
}

static void take_back(Person *person, View *view) {
    int64_t began_us = now_us();
    act_on(person, view, "revoke", person->token);
    await_state(person, view, "ended");
    samples_add(&person->seconds, now_us() - began_us);
}

static void get(Person *person) {
    int64_t began_us = now_us();
    HttpAnswer answer =
        http_call(&person->connection, "GET", person->load->path, person->token, NULL);
    if (answer.status != 200)
        give_up("GET %s: HTTP status %d: %.300s", person->load->path, answer.status, answer.body);
    samples_add(&person->firsts, now_us() - began_us);
    struct timespec pause = {.tv_sec = person->load->pause_ms / 1000,
                             .tv_nsec = person->load->pause_ms % 1000 * 1000000L};
    nanosleep(&pause, NULL); // the pace of the load itself
}

// False: it is over.
static bool take_number(Load *load) {
    if (load->count > 0)
        return atomic_fetch_add(&load->next, 1) < load->count;
    return now_us() < load->end_us;
}

static void *work(void *person_pointer) {
    Person *person = person_pointer;
    Load *load = person->load;
    http_connection_open(&person->connection, load->host, load->port);
    pthread_barrier_wait(&load->start); // all are connected
    pthread_barrier_wait(&load->start); // the time is set
    while (take_number(load)) {
        View view;
        if (load->work == WORK_GET) {
            get(person);
            continue;
        }
        give(person, &view);
        if (load->work != WORK_GRANT)
            take_back(person, &view);
    }
    http_connection_done(&person->connection);
    return NULL;
}

static void print_result(Person *persons, const Load *load, double seconds) {
    Samples firsts = {0};
    Samples lasts = {0};
    for (int i = 0; i < load->threads; i++) {
        samples_add_all(&firsts, &persons[i].firsts);
        samples_add_all(&lasts, &persons[i].seconds);
        samples_done(&persons[i].firsts);
        samples_done(&persons[i].seconds);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"seconds\": %.6f, \"count\": %zu, \"cpu_seconds\": %.3f, ", seconds, firsts.count,
           cpu_seconds);
    samples_print(load->work == WORK_GET ? "get_us" : "grant_us", &firsts);
    printf(", ");
    samples_print("revoke_us", &lasts);
    printf("}\n");
    samples_done(&firsts);
    samples_done(&lasts);
}

static void run_load(Load *load) {
    Person *persons = mem_alloc(sizeof *persons * (size_t)load->threads);
    pthread_barrier_init(&load->start, NULL, (unsigned)load->threads + 1);
    for (int i = 0; i < load->threads; i++) {
        persons[i].load = load;
        persons[i].token = load->tokens[(size_t)i % load->token_count];
        if (pthread_create(&persons[i].thread, NULL, work, &persons[i]) != 0)
            give_up("no thread could be started for person %d", i);
    }
    pthread_barrier_wait(&load->start);
    int64_t began_us = now_us();
    load->end_us = began_us + (int64_t)(load->seconds * 1e6);
    pthread_barrier_wait(&load->start);
    for (int i = 0; i < load->threads; i++)
        pthread_join(persons[i].thread, NULL);
    print_result(persons, load, (double)(now_us() - began_us) / 1e6);
    mem_free(persons);
    pthread_barrier_destroy(&load->start);
}

static size_t read_tokens(const char *path, char tokens[][TOKEN_MAX_BYTES], size_t most) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        give_up("%s: no tokens can be read", path);
    size_t count = 0;
    while (count < most && fgets(tokens[count], TOKEN_MAX_BYTES, file) != NULL) {
        tokens[count][strcspn(tokens[count], "\n")] = '\0';
        count += tokens[count][0] != '\0';
    }
    fclose(file);
    if (count == 0)
        give_up("%s: holds no token", path);
    return count;
}

static Work read_work(const char *name) {
    static const char *const NAMES[] = {"", "cycle", "credential", "grant", "get"};
    for (size_t i = 1; i < COUNT_OF(NAMES); i++)
        if (strcmp(name, NAMES[i]) == 0)
            return (Work)i;
    give_up("--do %s: expected cycle, credential, grant or get", name);
}

static void read_option(Load *load, int option, char *value) {
    switch (option) {
    case 'h':
        load->host = value;
        break;
    case 'p':
        load->port = value;
        break;
    case 't':
        load->token_count = read_tokens(value, load->tokens, TOKENS_MAX);
        break;
    case 'e':
        read_tokens(value, &load->decider, 1);
        break;
    case 'd':
        load->work = read_work(value);
        break;
    case 'f':
        load->flow = value;
        break;
    case 'a':
        load->path = value;
        break;
    case 'n':
        load->threads = (int)strtol(value, NULL, 10);
        break;
    case 's':
        load->seconds = strtod(value, NULL);
        break;
    case 'c':
        load->count = strtoll(value, NULL, 10);
        break;
    case 'u':
        load->pause_ms = (int)strtol(value, NULL, 10);
        break;
    case 'z':
        load->ends_at_s = strtoll(value, NULL, 10);
        break;
    case 'r':
        load->duration = value;
        break;
    default:
        give_up("%s", USAGE);
    }
}

int main(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"host", required_argument, NULL, 'h'},     {"port", required_argument, NULL, 'p'},
        {"tokens", required_argument, NULL, 't'},   {"decider", required_argument, NULL, 'e'},
        {"do", required_argument, NULL, 'd'},       {"flow", required_argument, NULL, 'f'},
        {"path", required_argument, NULL, 'a'},     {"threads", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 's'},  {"count", required_argument, NULL, 'c'},
        {"pause-ms", required_argument, NULL, 'u'}, {"ends-at", required_argument, NULL, 'z'},
        {"duration", required_argument, NULL, 'r'}, {0},
    };
    static Load load = {.threads = 1, .seconds = 1, .duration = "1h"};
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1)
        read_option(&load, option, optarg);
    if (load.host == NULL || load.port == NULL || load.token_count == 0 || load.threads < 1 ||
        load.work == WORK_NONE || (load.work == WORK_GET ? load.path : load.flow) == NULL ||
        (load.work == WORK_CREDENTIAL && load.decider[0] == '\0'))
        give_up("%s", USAGE);
    if (sodium_init() < 0)
        give_up("libsodium did not start");
    run_load(&load);
    return 0;
}
