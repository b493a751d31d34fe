// Named places between two steps that matter, where a test can stop a program, or hold it, while
// other programs go on. Built only with -Dfault_points=true; a release has nothing of it.
//
// DAYPASS_FAULTS names a folder of this program's own. When the program comes to a point:
//   - the file NAME.seen is made there, so that a campaign can tell which points it reached;
//   - if there is a file NAME, it is renamed to NAME.hit (one thread wins) and what is written in
//   it
//     happens: "kill" ends the program as by SIGKILL, "stop" holds it as by SIGSTOP until SIGCONT.
// A name is what was just done, or is about to be: "store.after_commit", "grant.before_commit".
#pragma once

#ifdef DAYPASS_FAULT_POINTS
void fault_point(const char *name);
#define FAULT_POINT(name) fault_point(name)
#else
#define FAULT_POINT(name) ((void)0)
#endif
