#include "bare.h"

#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "samples.h"

static const char USAGE[] =
    "usage: bare_ENGINE --script FILE --host HOST --port PORT --user USER --database NAME\n"
    "         --ca-file FILE --password-file FILE [--lanes N] [--phase cycle|grant|revoke]\n"
    "         [--seconds S | --count N] [--connect-each]\n"
    "\n"
    "  --phase cycle    each lane gives and takes back, one account after the other (for S "
    "seconds,\n"
    "                   or N accounts in all)\n"
    "  --phase grant    makes N accounts and leaves them\n"
    "  --phase revoke   takes the N accounts of --phase grant back\n"
    "  --connect-each   a new connection for each grant and each revocation\n"
    "\n"
    "Prints one JSON object: seconds, count, and each step's time in microseconds.\n";

typedef struct Bench {
    const BareEngine *engine;
    BareTarget target;
    Script script;
    int lanes;
    bool gives;
    bool takes;
    bool connects_each;
    int64_t count;
    double seconds;
    pthread_barrier_t start;
    int64_t end_us;
    atomic_llong next;
} Bench;

typedef struct Lane {
    Bench *bench;
    pthread_t thread;
    void *connection;
    Samples grants;
    Samples revocations;
} Lane;

static void run_all(Lane *lane, const StatementList *list, Account *account) {
    for (size_t i = 0; i < list->count; i++)
        lane->bench->engine->run(lane->connection, &list->items[i], account);
}

static void connect_lane(Lane *lane) {
    Account nobody = {.name = "nobody", .oid = "0", .key = "0"};
    lane->connection = lane->bench->engine->connect(&lane->bench->target);
    run_all(lane, &lane->bench->script.setup, &nobody);
}

static void run_step(Lane *lane, const StatementList *list, Account *account, Samples *samples) {
    int64_t before_us = now_us();
    if (lane->bench->connects_each)
        connect_lane(lane);
    run_all(lane, list, account);
    if (lane->bench->connects_each)
        lane->bench->engine->disconnect(lane->connection);
    samples_add(samples, now_us() - before_us);
}

// False: it is over.
static bool take_number(Bench *bench, int64_t *ret_number) {
    *ret_number = atomic_fetch_add(&bench->next, 1);
    if (bench->count > 0)
        return *ret_number < bench->count;
    return now_us() < bench->end_us;
}

static void *run_lane(void *lane_pointer) {
    Lane *lane = lane_pointer;
    Bench *bench = lane->bench;
    if (!bench->connects_each)
        connect_lane(lane);
    pthread_barrier_wait(&bench->start); // all are connected
    pthread_barrier_wait(&bench->start); // the time is set
    int64_t number;
    while (take_number(bench, &number)) {
        Account account = {.oid = "0"};
        snprintf(account.name, sizeof account.name, "temp_bare_%07lld", (long long)number);
        snprintf(account.key, sizeof account.key, "%lld", (long long)number);
        if (bench->gives)
            run_step(lane, &bench->script.grant, &account, &lane->grants);
        if (bench->takes)
            run_step(lane, &bench->script.revoke, &account, &lane->revocations);
    }
    if (!bench->connects_each)
        bench->engine->disconnect(lane->connection);
    return NULL;
}

static void run_bench(Bench *bench) {
    Lane *lanes = mem_alloc(sizeof *lanes * (size_t)bench->lanes);
    pthread_barrier_init(&bench->start, NULL, (unsigned)bench->lanes + 1);
    for (int i = 0; i < bench->lanes; i++) {
        lanes[i].bench = bench;
        if (pthread_create(&lanes[i].thread, NULL, run_lane, &lanes[i]) != 0)
            give_up("no thread could be started for lane %d", i);
    }
    pthread_barrier_wait(&bench->start);
    int64_t began_us = now_us();
    bench->end_us = began_us + (int64_t)(bench->seconds * 1e6);
    pthread_barrier_wait(&bench->start);
    Samples grants = {0};
    Samples revocations = {0};
    for (int i = 0; i < bench->lanes; i++) {
        pthread_join(lanes[i].thread, NULL);
        samples_add_all(&grants, &lanes[i].grants);
        samples_add_all(&revocations, &lanes[i].revocations);
        samples_done(&lanes[i].grants);
        samples_done(&lanes[i].revocations);
    }
    double seconds = (double)(now_us() - began_us) / 1e6;
    size_t count = bench->takes ? revocations.count : grants.count;
    printf("{\"seconds\": %.6f, \"count\": %zu, ", seconds, count);
    samples_print("grant_us", &grants);
    printf(", ");
    samples_print("revoke_us", &revocations);
    printf("}\n");
    samples_done(&grants);
    samples_done(&revocations);
    mem_free(lanes);
    pthread_barrier_destroy(&bench->start);
}

static void read_password(BareTarget *target, const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL || fgets(target->password, sizeof target->password, file) == NULL)
        give_up("%s: no password can be read", path);
    fclose(file);
    target->password[strcspn(target->password, "\n")] = '\0';
}

static void read_phase(Bench *bench, const char *phase) {
    bench->gives = strcmp(phase, "revoke") != 0;
    bench->takes = strcmp(phase, "grant") != 0;
    if (bench->gives && bench->takes && strcmp(phase, "cycle") != 0)
        give_up("--phase %s: expected cycle, grant or revoke", phase);
}

int bare_main(int argc, char **argv, const BareEngine *engine) {
    static const struct option OPTIONS[] = {
        {"script", required_argument, NULL, 's'},
        {"host", required_argument, NULL, 'h'},
        {"port", required_argument, NULL, 'p'},
        {"user", required_argument, NULL, 'u'},
        {"database", required_argument, NULL, 'd'},
        {"ca-file", required_argument, NULL, 'a'},
        {"lanes", required_argument, NULL, 'l'},
        {"password-file", required_argument, NULL, 'w'},
        {"phase", required_argument, NULL, 'f'},
        {"seconds", required_argument, NULL, 't'},
        {"count", required_argument, NULL, 'n'},
        {"connect-each", no_argument, NULL, 'e'},
        {0},
    };
    Bench bench = {.engine = engine, .lanes = 1, .seconds = 1, .gives = true, .takes = true};
    const char *script = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 's':
            script = optarg;
            break;
        case 'h':
            bench.target.host = optarg;
            break;
        case 'p':
            bench.target.port = optarg;
            break;
        case 'u':
            bench.target.user = optarg;
            break;
        case 'd':
            bench.target.database = optarg;
            break;
        case 'a':
            bench.target.ca_file = optarg;
            break;
        case 'l':
            bench.lanes = (int)strtol(optarg, NULL, 10);
            break;
        case 'w':
            read_password(&bench.target, optarg);
            break;
        case 'f':
            read_phase(&bench, optarg);
            break;
        case 't':
            bench.seconds = strtod(optarg, NULL);
            break;
        case 'n':
            bench.count = strtoll(optarg, NULL, 10);
            break;
        case 'e':
            bench.connects_each = true;
            break;
        default:
            give_up("%s", USAGE);
        }
    }
    const BareTarget *target = &bench.target;
    if (script == NULL || target->host == NULL || target->port == NULL || target->user == NULL ||
        target->database == NULL || target->ca_file == NULL || bench.lanes < 1 ||
        (bench.count == 0 && !(bench.gives && bench.takes)))
        give_up("%s", USAGE);
    bench.script = script_read(script);
    run_bench(&bench);
    return 0;
}
