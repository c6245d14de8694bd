/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The runner turns a run into a verdict. Who does what:
 *
 *	main.c	  options, the order of things, the exit status
 *	plan.c	  which scenarios, in which order, in which boot
 *	build.c	  asks tools/vm for a kernel, the suite, an initramfs, QEMU
 *	qemu.c	  command line, start and end of a virtual machine
 *	host.c	  the same for --host: this kernel instead of a virtual machine
 *	boot.c	  the loop around one boot: reads the port, keeps the bounds
 *	port.c	  bytes from the port -> events
 *	judge.c	  events and deaths -> verdicts
 *	console.c what a kernel log says about a kernel
 *	cells.c	  cells of the outcome table
 *	bound.c	  what a clean run says
 *	ktap.c, result.c, card.c, live.c	what people and programs get to see
 *	repeat.c  runs again what failed; resume.c goes on after a run that ended early
 *	rejudge.c decides again from the logs
 *	stack.c	  the first splat's stack, decoded
 *	proc.c, util.c	processes, signals, clocks, messages
 */
#ifndef PFN_RUNNER_H
#define PFN_RUNNER_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../../kvm-pfn-stress/core/known.h"
#include "../../kvm-pfn-stress/scenario.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define __printf(f, a)	__attribute__((format(printf, f, a)))

#define DEFAULT_MEMORY_MB 4096

enum exit_status { EXIT_PASS = 0, EXIT_FAIL = 1, EXIT_USAGE = 2, EXIT_SKIP = 4 };

enum verdict { VERDICT_NONE, VERDICT_PASS, VERDICT_FAIL, VERDICT_SKIP };

struct options {
	uint64_t duration_ms;
	char **scenarios;	/* names or globs as given */
	size_t nr_scenarios;
	char **explorers;	/* SCENARIO=LETTERS: a record to follow */
	size_t nr_explorers;
	const char *kernel;
	const char *kernel_modules;
	const char *modules;
	const char *ksrc;
	const char *accel;	/* NULL: find out */
	const char *results;
	unsigned int vcpus;	/* 0: default */
	unsigned int memory_mb;
	uint64_t seed;
	unsigned int shard, shards;
	bool host;
	bool fail_fast;
	unsigned int repeat;	/* how often a failing scenario runs again */
	bool no_install;
	bool verbose;
};

/* One scenario of this run, and what became of it. */
struct srun {
	struct scenario conf;
	enum verdict verdict;
	enum verdict said;	/* by @result */
	char reason[512];
	uint64_t budget_ms, ms;
	unsigned int machine_pct; /* of the time that it took, the machine could run so much */
	uint64_t faults, injections, hits;
	json_t *counts;		/* { kind: { name: value } } */
	char *explored;		/* letters: which explorer had which turn; NULL: none */
	json_t *pairs;		/* of consumer, backing, injector: [ { ... } ] */
	json_t *oracles;	/* [ { name, verdict, checks, reason } ] */
	json_t *failures;	/* [ { oracle, rule, ... ops: [] } ] */
	json_t *cells;		/* conformance: [ { name, verdict, ... } ], else empty */
	unsigned int known;
	json_t *repeat;		/* { runs, failed, same, low, high }, or NULL */
	unsigned int boot;	/* number of the boot it ran in, from 1 */
	unsigned int trouble;	/* times that the host's trouble ended it */
	bool running;
	unsigned int card;	/* its number */
	bool done;		/* judged and reported */
	long console_from;	/* its part of console.log */
};

struct tool_paths {
	char *kernel, *source, *lib, *suite, *headers, *module, *initramfs, *qemu;
};

struct run {
	struct options opt;
	char *top;		/* of the source tree */
	char *vm_dir;		/* tools/vm, or what PFN_VM_DIR says */
	char *configs;		/* configs, or what PFN_CONFIGS says */
	char *cache;
	char *tmp;		/* removed at the end */
	char *dir;		/* of the results */
	struct tool_paths path;
	struct srun *s;
	size_t nr;
	struct known_issues *known;
	unsigned int *known_seen;

	char kernel_release[128];
	char kernel_version[128];
	char qemu_version[64];
	char accel[8];
	char commit[64];
	char boot_id[40];	/* of this machine, with --host */
	char died_in[64];	/* --resume: the scenario that the machine did not survive */
	json_t *old;		/* judge: the result that is judged again, else NULL */
	char judged_by[64];	/* commit */
	const char *running;	/* the scenario between @scenario and its verdict */
	unsigned int smp;
	json_t *kernel_config;	/* of the options that the suite wants */
	json_t *caps;
	json_t *boots;

	int signal_fd;
	int interrupted;	/* the signal that ended the run early */
	bool stop;		/* --fail-fast saw a failure */
	bool disk_failed;	/* the results directory did not take everything */
	char error[512];	/* why there is no verdict from a guest */
	enum exit_status error_status;

	long console_boot;	/* offset in console.log where this boot began */
	long console_end;	/* judge: where it ended; 0: goes on */
	unsigned int host_trouble;
	unsigned int boots_begun;	/* boots that reached @begin */
	uint64_t start_ms, build_ms, first_boot_ms, first_event_ms, end_ms;
	time_t start_time;

	FILE *ktap_log;
	unsigned int ktap_number;
	bool ktap_begun;
};

/* util.c */
uint64_t now_ms(void);
__printf(1, 2) char *format(const char *fmt, ...);
__printf(1, 2) void say(const char *fmt, ...);
void say_set_live(bool (*clear)(void));
bool make_dirs(const char *path);
bool is_empty_dir(const char *path);
void remove_tree(const char *path);
bool read_line_file(const char *dir, const char *name, char *buf, size_t size);
uint64_t env_ms(const char *name, uint64_t otherwise);
const char *verdict_name(enum verdict v);
enum verdict get_verdict(json_t *o);
const char *get_text(json_t *o, const char *key);
void set_text(json_t *o, const char *key, const char *value);
bool copy_append(const char *from, int to);
__printf(2, 3) void results_trouble(struct run *run, const char *fmt, ...);

/* proc.c */
struct proc {
	pid_t pid;		/* also the process group; 0: none */
	bool exited;
	int status;		/* of waitpid */
};

struct spawn {
	char * const *argv;
	int out;		/* standard output, -1: ours */
	int err;		/* standard error, -1: ours */
	int keep;		/* a descriptor that stays open, -1: none */
};

int signals_init(void);
void signals_poll(struct run *run);
bool proc_start(struct proc *p, const struct spawn *how);
bool proc_check(struct proc *p);
bool proc_wait(struct proc *p, uint64_t ms);
void proc_end(struct proc *p, uint64_t grace_ms);
const char *proc_describe(const struct proc *p, char *buf, size_t size);
char *proc_last_line(struct run *run, char * const *argv, int *status);
uint64_t proc_run_delay_ns(const struct proc *p);

/* plan.c */
bool plan_make(struct run *run);
struct srun *plan_find(struct run *run, const char *name);
size_t plan_next_boot(struct run *run, struct srun **list, uint64_t left_ms, uint64_t *boot_ms);
uint64_t plan_left(const struct run *run);

/* build.c */
bool build_all(struct run *run);
bool build_initrd(struct run *run, struct srun **list, size_t nr, uint64_t ms, char **path);
void build_program_args(struct run *run, struct srun **list, size_t nr, uint64_t ms, FILE *out);

/* port.c */
#define PORT_LINE_MAX	16384
#define EVENT_KEYS_MAX	32

struct event {
	const char *name;	/* without the '@' */
	unsigned int nr;
	struct { const char *key; char *value; } kv[EVENT_KEYS_MAX];
};

struct port {
	char line[PORT_LINE_MAX];
	size_t len;
	bool too_long;		/* the rest of this line is thrown away */
	unsigned int garbled;	/* lines that could not be understood */
	void (*on_event)(void *arg, const struct event *ev);
	void (*on_text)(void *arg, const char *line);
	void *arg;
};

void port_feed(struct port *port, const char *data, size_t len);
void port_eof(struct port *port);
const char *event_text(const struct event *ev, const char *key, const char *otherwise);
uint64_t event_number(const struct event *ev, const char *key);
bool event_parse(char *line, struct event *ev);

/* qemu.c, host.c */
struct machine {
	struct proc proc;
	int port;		/* -1: closed */
	uint64_t poweroff_ms;	/* how long the end may take */
};

bool qemu_start(struct run *run, struct machine *m, const char *initrd, const char *params);
void qemu_choose_accel(struct run *run);
bool host_check(struct run *run);
bool host_start(struct run *run, struct machine *m, struct srun **list, size_t nr, uint64_t ms);
void host_restore(struct run *run);
/*
 * What a machine needs to stand still, below @top ("/"; tests have another one), until host_restore() or
 * the death of this process, whichever it is.
 */
void host_quiet(const char *top);
/* Has anybody a virtual machine? @who: in words. */
bool host_in_use(const char *top, char *who, size_t size);

/* boot.c */
enum boot_end {
	BOOT_RUNNING,
	BOOT_ENDED,		/* @end, and it powered off */
	BOOT_REBOOT,		/* @reboot */
	BOOT_EXITED,		/* QEMU or the program ended without saying so */
	BOOT_NO_BEGIN,		/* the program was never heard of */
	BOOT_HUNG,
	BOOT_NO_POWEROFF,
	BOOT_STOPPED,		/* by us: a signal, or --fail-fast */
};

struct boot {
	struct run *run;
	unsigned int number;
	struct machine m;
	struct port port;
	struct srun **list;
	size_t nr;
	uint64_t ms;		/* of duration it may use */
	enum boot_end end;
	struct srun *running;	/* scenario between @scenario and @result */
	struct srun *last;	/* the last one that ran, not reported yet */
	bool begun, ended, rebooting;
	bool closing;		/* whatever it said last, now it has to power off */
	char process[96];	/* what became of the machine, before we ended it */
	char fatal[256];	/* what @fatal said, or @exit without @end */
	uint64_t start, begin, scenario, finish;
	uint64_t fair_ms;	/* time that the machine could use: see boot.c */
	uint64_t fair_event, fair_scenario, fair_end, fair_looked;
	char taint[32];
	char reboot_reason[128];
	/* for the live line */
	uint64_t live_faults, live_injections, live_hits, live_t_ms;
	char phase[32];
	int events_log;
	long events_from;	/* offset in events.log */
};

void boot_run(struct run *run, struct srun **list, size_t nr, uint64_t ms);
const char *boot_end_name(enum boot_end end);

/* console.c */
struct splat {
	const char *rule;	/* panic, oops, bug, warn, kasan, ... */
	char line[256];		/* the line that said so, without its time stamp */
	char where[64];		/* the function, if it is known */
	bool fatal;
};

/*
 * Enough for a panic with its stack, uncertain frames and registers, and for what came before it:
 * 40 were not, on a kernel whose stack has more frames.
 */
#define CONSOLE_TAIL_LINES 120

long console_size(const struct run *run);
long file_size(const char *dir, const char *name);
bool console_find(const char *text, bool fatal_only, struct splat *splat);
bool console_host_trouble(const char *text, bool begun);
char *console_read(const struct run *run, long from, long to);
char *console_part(const struct run *run, const struct srun *s);
char *console_tail(const struct run *run, long from, unsigned int lines);

/* judge.c */
void judge_event(void *arg, const struct event *ev);
void judge_death(struct boot *boot);
void judge_finish(struct run *run, struct srun *s);
void judge_leftovers(struct run *run, const char *reason);
enum exit_status judge_exit(const struct run *run);
enum verdict judge_run(const struct run *run);
json_t *judge_add_failure(struct run *run, struct srun *s, const char *oracle, const char *rule,
			  const char *detail, const char *expected, const char *got);

/* cells.c */
void cells_reset(struct srun *s);
void cells_take(struct srun *s, json_t *old);
void cells_event(struct srun *s, const struct event *ev);
size_t cells_count(const struct srun *s, enum verdict v);
bool cells_have(const struct srun *s, const char *fingerprint);
void cells_match_known(struct run *run, struct srun *s);
void cells_finish(struct run *run, struct srun *s);

/* bound.c */
#define EXPLORE_TURN_MS	75	/* EXPLORE_MS of kvm-pfn-stress/core/explore.h */
#define BOUND_KINDS	3

json_t *bound_json(const struct srun *s);
json_t *bound_run_json(const struct run *run);
void bound_note(struct run *run, const struct srun *s);

/* ktap.c */
void ktap_begin(struct run *run);
void ktap_result(struct run *run, const struct srun *s);
__printf(2, 3) void ktap_note(struct run *run, const char *fmt, ...);

/* result.c */
void result_write(struct run *run);
char *result_replay_command(const struct run *run, const struct srun *s);
char *result_explorers(const struct srun *s);
void result_learn_config(struct run *run, const char *config);
bool result_load_options(struct run *run, const char *dir, bool all);

/* repeat.c, resume.c, rejudge.c */
void repeat_failures(struct run *run);
void repeat_report(struct run *run, const struct srun *s);
bool resume_load(struct run *run, const char *dir);
void resume_report(struct run *run);
bool rejudge_load(struct run *run, const char *dir);
void rejudge_run(struct run *run, const char *dir);
void rejudge_repeats(struct run *run);
void rejudge_compare(struct run *run);
json_t *rejudge_old(const struct run *run, const struct srun *s);
unsigned int rejudge_machine_pct(const struct run *run, const struct srun *s);
uint64_t rejudge_ms(const struct run *run, const struct srun *s);
char *rejudge_stack(const struct run *run, const struct srun *s, const char *fingerprint);

/* stack.c */
char *stack_of(struct run *run, const char *console);

/* card.c */
void card_repeated(struct run *run, const struct srun *s);
char *card_name(const struct srun *s, unsigned int number);
void card_write(struct run *run, struct srun *s, unsigned int number);

/* live.c */
void live_update(struct boot *boot);
void live_phase(struct run *run, const char *what);
void live_summary(struct run *run);

#endif /* PFN_RUNNER_H */
