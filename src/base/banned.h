// Calls this tree does not make, refused at compile time. The build includes this file before
// everything else (-include), so system headers that declare the names come first, here.
#pragma once

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(call, instead) banned_##call##_use_##instead

// No bound on what is written.
#undef strcpy
#define strcpy(...) BANNED(strcpy, buffer_or_memcpy)
#undef stpcpy
#define stpcpy(...) BANNED(stpcpy, buffer_or_memcpy)
#undef strcat
#define strcat(...) BANNED(strcat, buffer)
#undef sprintf
#define sprintf(...) BANNED(sprintf, snprintf_or_buffer)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf, vsnprintf_or_buffer)
#undef gets
#define gets(...) BANNED(gets, fgets)

// Cuts silently or leaves the end out.
#undef strncpy
#define strncpy(...) BANNED(strncpy, buffer_or_memcpy)
#undef strncat
#define strncat(...) BANNED(strncat, buffer)

// Cannot report an error.
#undef atoi
#define atoi(...) BANNED(atoi, strtol)
#undef atol
#define atol(...) BANNED(atol, strtol)
#undef atoll
#define atoll(...) BANNED(atoll, strtoll)
#undef atof
#define atof(...) BANNED(atof, strtod)
#undef signal
#define signal(...) BANNED(signal, sigaction)

// State hidden between calls, or shared between threads.
#undef strtok
#define strtok(...) BANNED(strtok, strtok_r)
#undef gmtime
#define gmtime(...) BANNED(gmtime, gmtime_r)
#undef localtime
#define localtime(...) BANNED(localtime, localtime_r)
#undef ctime
#define ctime(...) BANNED(ctime, strftime)
#undef asctime
#define asctime(...) BANNED(asctime, strftime)

// Guessable.
#undef rand
#define rand(...) BANNED(rand, randombytes_buf)
#undef srand
#define srand(...) BANNED(srand, randombytes_buf)
#undef random
#define random(...) BANNED(random, randombytes_buf)

// A shell, or a name that can be raced.
#undef system
#define system(...) BANNED(system, posix_spawn)
#undef popen
#define popen(...) BANNED(popen, posix_spawn)
#undef mktemp
#define mktemp(...) BANNED(mktemp, mkstemp)
#undef tmpnam
#define tmpnam(...) BANNED(tmpnam, mkstemp)
