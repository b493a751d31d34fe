#include "cli/spinner.h"

#include "base/text.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

enum { STEP_MS = 120 };

struct Spinner {
    FILE *to;
    char *text;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stopped;
    bool stop;
};

// A condition waits by the wall clock everywhere; a jump of it costs one odd step.
static struct timespec step_end(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += (long)STEP_MS * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

static void *turn(void *argument) {
    static const char STEPS[] = "|/-\\";
    Spinner *spinner = argument;
    pthread_mutex_lock(&spinner->mutex);
    for (size_t step = 0; !spinner->stop; step++) {
        fprintf(spinner->to, "\r%c %s ", STEPS[step % (sizeof(STEPS) - 1)], spinner->text);
        fflush(spinner->to);
        struct timespec until = step_end();
        int result = 0;
        while (!spinner->stop && result != ETIMEDOUT)
            result = pthread_cond_timedwait(&spinner->stopped, &spinner->mutex, &until);
    }
    fputs("\r\033[K", spinner->to);
    fflush(spinner->to);
    pthread_mutex_unlock(&spinner->mutex);
    return NULL;
}

Spinner *spinner_start(Cli *cli, const char *text) {
    if (!cli->err_terminal || cli->json)
        return NULL;
    Spinner *spinner = mem_alloc(sizeof(*spinner));
    spinner->to = cli->err;
    spinner->text = mem_strdup(text_printable(cli->arena, text));
    pthread_mutex_init(&spinner->mutex, NULL);
    pthread_cond_init(&spinner->stopped, NULL);
    if (pthread_create(&spinner->thread, NULL, turn, spinner) != 0) {
        mem_free(spinner->text);
        return mem_free(spinner);
    }
    return spinner;
}

void spinner_stop(Spinner *spinner) {
    if (spinner == NULL)
        return;
    pthread_mutex_lock(&spinner->mutex);
    spinner->stop = true;
    pthread_cond_signal(&spinner->stopped);
    pthread_mutex_unlock(&spinner->mutex);
    pthread_join(spinner->thread, NULL);
    pthread_cond_destroy(&spinner->stopped);
    pthread_mutex_destroy(&spinner->mutex);
    mem_free(spinner->text);
    mem_free(spinner);
}
