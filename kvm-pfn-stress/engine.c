// SPDX-License-Identifier: GPL-2.0-only
/*
 * One scenario, in a child of the supervisor: build VM and regions, start the threads, wait for the
 * end, look at everything once it is quiet, take it apart.
 */
#include <errno.h>
#include <numa.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/compat.h"
#include "arch/arch.h"
#include "core/cpus.h"
#include "core/explore.h"
#include "core/helper.h"
#include "core/near.h"
#include "core/poison.h"
#include "core/proc.h"
#include "core/region.h"
#include "core/signals.h"
#include "engine.h"
#include "injectors/inject.h"
#include "oracles/quiet.h"
#include "plugins.h"

#define DEFAULT_PAGES	64

/* Exit status of a kselftest that could not run. */
#define EXIT_SKIP	4

static unsigned int region_size(const struct scenario_item *region)
{
	return region_pages(backing_find(region->name), region->value ? region->value : DEFAULT_PAGES);
}

unsigned int engine_pages(const struct scenario *sc)
{
	unsigned int i, n = 0;

	for (i = 0; i < sc->nr_regions; i++)
		n += region_size(&sc->regions[i]);
	return n;
}

static struct worker *worker_add(struct run *run, const char *name, bool is_vcpu)
{
	struct worker *w = calloc(1, sizeof(*w));

	w->run = run;
	w->ws = &run->sh->worker[run->nr_workers];
	w->ws->is_vcpu = is_vcpu;
	snprintf(w->ws->name, sizeof(w->ws->name), "%s", name);
	rng_seed(&w->rng, run->seed, run->nr_workers + 1);
	run->worker[run->nr_workers++] = w;
	return w;
}

/*
 * Where threads run decides what can race, so it changes several times a second, by seed:
 *
 * split	vCPUs on one half of the CPUs, injectors on the other: each invalidation runs beside a
 *		fault, and is never preempted by the vCPU that waits for its end
 * spread	vCPUs on different CPUs, injectors between them: vCPU against vCPU; always where
 *		there are no injectors to be split from
 * together	all on one CPU, if the explorer says so
 *
 * In a hot phase injectors do not pause between two steps.
 */
#define PHASE_MS	150
#define LOOK_MS		15	/* how often the main thread looks for the end */

static void draw_placement(struct run *run, struct rng *rng)
{
	run->split = rng_below(rng, 3) && run->sc->nr_injectors;
	run->one_cpu = rng_below(rng, cpus_usable());
	atomic_store(&run->hot, rng_below(rng, 3) != 0);
}

static void place_threads(struct run *run)
{
	int first = cpus_first(), nr = cpus_usable(), half = nr / 2;
	unsigned int i;

	for (i = 0; i < run->nr_workers; i++) {
		struct worker_shared *ws = run->worker[i]->ws;
		pid_t tid = atomic_load(&ws->tid);

		if (run->together)
			cpus_pin(tid, run->one_cpu, first, nr);
		else if (!run->split || nr < 2)
			cpus_pin(tid, i, first, nr);
		else if (ws->is_vcpu)
			cpus_pin(tid, i, first + half, nr - half);
		else
			cpus_pin(tid, i, first, half);
	}
}

static void vcpu_access_weights(const struct scenario *sc, struct guest_vcpu *g)
{
	static const char *const names[OP_NR] = { "load", "store", "rmw", "exec" };
	unsigned int weight[OP_NR] = { 6, 6, 2, 2 }, total = 0, i, op, n = 0;

	if (sc->nr_access)
		memset(weight, 0, sizeof(weight));
	for (i = 0; i < sc->nr_access; i++)
		for (op = 0; op < OP_NR; op++)
			if (!strcmp(sc->access[i].name, names[op]))
				weight[op] = sc->access[i].value ? sc->access[i].value : 1;
	for (op = 0; op < OP_NR; op++)
		total += weight[op];
	for (op = 0; op < OP_NR; op++)
		for (i = 0; i < weight[op] * 16 / total && n < 16; i++)
			g->access[n++] = op;
	while (n < 16) {
		g->access[n] = g->access[n / 2];
		n++;
	}
}

static void *worker_thread(void *arg)
{
	struct worker *w = arg;
	struct run *run = w->run;
	unsigned int made;
	bool meet;

	me = w;
	if (numa_available() >= 0)
		numa_set_localalloc();
	rcu_register_thread();
	atomic_store(&w->ws->tid, syscall(SYS_gettid));
	if (w->consumer) {
		cpus_pin(0, w->id, cpus_first(), cpus_usable());	/* until place_threads() */
		signals_expect_sigbus(true);
	}
	pthread_barrier_wait(&run->barrier);
	atomic_store(&w->ws->phase, W_BUSY);

	if (w->consumer) {
		w->consumer->run(w);
	} else {
		while (!run_stopping(run)) {
			if (atomic_load(&run->sh->calm) || w->rests) {
				usleep(500);
				worker_progress(w);
				continue;
			}
			meet = atomic_load(&run->meet);
			w->target = 0;
			if (meet && w->aims)
				inject_await(w);
			made = w->injector->step(w);
			atomic_fetch_add_explicit(&w->ws->injections, made, memory_order_relaxed);
			worker_progress(w);
			if (w->injector->gap_us && (meet ? !w->aims : !atomic_load(&run->hot)))
				usleep(rng_log(&w->rng, w->injector->gap_us / w->weight + 1));
		}
	}
	atomic_store(&w->ws->phase, W_DONE);
	rcu_unregister_thread();
	return NULL;
}

static bool add_workers(struct run *run)
{
	const struct scenario *sc = run->sc;
	unsigned int i, v;
	char name[32];

	for (v = 0; v < run->nr_vcpus; v++) {
		const char *c = sc->nr_consumers ? sc->consumers[v % sc->nr_consumers].name : "vcpu";
		struct worker *w;

		snprintf(name, sizeof(name), "vcpu%u", v);
		w = worker_add(run, name, true);
		w->consumer = consumer_find(c);
		w->id = v;
	}
	for (i = 0; i < sc->nr_injectors; i++) {
		const struct injector_ops *inj = injector_find(sc->injectors[i].name);
		struct worker *w;

		if (inj->by_supervisor)
			continue;
		w = worker_add(run, inj->name, false);
		w->injector = inj;
		w->id = i;
		w->weight = sc->injectors[i].value ? sc->injectors[i].value : 1;
		if (inj->start)
			inj->start(w);
	}
	return true;
}

/* draw.c asks for it before; who wrote the scenario may not have. */
static bool fit_together(struct run *run)
{
	const struct scenario *sc = run->sc;
	unsigned int i, v;

	for (i = 0; i < sc->nr_regions; i++) {
		for (v = 0; v < run->nr_vcpus; v++) {
			const char *con = run->worker[v]->consumer->name;

			if (!plugin_listed(backing_find(sc->regions[i].name)->apart, con))
				continue;
			snprintf(run->sh->skip_reason, sizeof(run->sh->skip_reason),
				 "%s cannot be judged with %s", con, sc->regions[i].name);
			strcpy(run->sh->skip_name, con);
			return false;
		}
	}
	return true;
}

static bool add_regions(struct run *run)
{
	const struct scenario *sc = run->sc;
	unsigned int i;

	for (i = 0; i < sc->nr_regions; i++) {
		if (region_create(run, backing_find(sc->regions[i].name), region_size(&sc->regions[i])))
			continue;
		strcpy(run->sh->skip_name, sc->regions[i].name);
		return false;
	}
	for (i = 0; i < run->nr_workers; i++) {
		const struct injector_ops *inj = run->worker[i]->injector;
		const struct consumer_ops *con = run->worker[i]->consumer;
		const char *why = inj && inj->unsupported ? inj->unsupported(run) :
				  con && con->unsupported ? con->unsupported(run) : NULL;

		if (why && inj && run->drawn) {
			run->worker[i]->rests = true;
		} else if (why) {
			snprintf(run->sh->skip_reason, sizeof(run->sh->skip_reason), "%s: %s",
				 inj ? inj->name : con->name, why);
			snprintf(run->sh->skip_name, sizeof(run->sh->skip_name), "%s",
				 inj ? inj->name : con->name);
			return false;
		}
	}
	return true;
}

/* A VM with private memory, if a region wants that: its type. False: there is none. */
static bool vm_type(struct run *run, unsigned long *type)
{
	const struct scenario *sc = run->sc;
	const char *why;
	unsigned int i;

	*type = 0;
	for (i = 0; i < sc->nr_regions; i++) {
		if (!backing_find(sc->regions[i].name)->guest_only)
			continue;
		why = arch_private_vm(type);
		if (!why)
			return true;
		snprintf(run->sh->skip_reason, sizeof(run->sh->skip_reason), "%s: %s",
			 sc->regions[i].name, why);
		strcpy(run->sh->skip_name, sc->regions[i].name);
		return false;
	}
	return true;
}

/* Before the regions: guest_memfd belongs to a VM. */
static bool add_vm(struct run *run)
{
	void (*created)(struct kvm_vm *vm) = NULL;
	unsigned long type;
	unsigned int v;

	if (!vm_type(run, &type))
		return false;
	for (v = 0; v < run->nr_vcpus; v++)
		if (run->worker[v]->consumer->vm_created)
			created = run->worker[v]->consumer->vm_created;
	run->vm = compat_vm_create(run->nr_vcpus, engine_pages(run->sc) / 256 + 512, guest_main,
				   type, run->vcpu, created);
	arch_vm_setup(run->vm);
	return true;
}

static void add_guest(struct run *run)
{
	uint64_t size = ctl_size(run->nr_pages, run->nr_vcpus);
	unsigned int v;

	run->ctl = run->sh->ctl;
	memset(run->ctl, 0, size);
	run->ctl->nr_pages = run->nr_pages;
	run->ctl->nr_vcpus = run->nr_vcpus;
	vm_set_user_memory_region(run->vm, CTL_SLOT, 0, CTL_GPA, size, run->ctl);
	virt_map(run->vm, CTL_GVA, CTL_GPA, size / GUEST_PAGE_SIZE);
	for (v = 0; v < run->nr_vcpus; v++) {
		struct guest_vcpu *g = &run->ctl->vcpu[v];

		rng_seed(&g->rng, run->seed, 1000 + v);
		vcpu_access_weights(run->sc, g);
		g->page = ~0ull;
		vcpu_args_set(run->vcpu[v], 1, (uint64_t)v);
	}
	regions_publish_all(run);
	for (v = 0; v < run->nr_workers; v++)
		if (run->worker[v]->consumer && run->worker[v]->consumer->setup)
			run->worker[v]->consumer->setup(run->worker[v]);
}

/* What the guests counted since the last time: minima of a scenario are looked at while it runs. */
static void count_guests(struct run *run)
{
	unsigned int v, i;

	for (v = 0; v < run->nr_vcpus; v++) {
		const char *g = (const char *)&run->ctl->vcpu[v];
		struct worker *w = run->worker[v];

		for (i = 0; i < MAX_GUEST_COUNTS && w->consumer->counts[i].name; i++) {
			uint64_t now = *(const volatile uint64_t *)(g + w->consumer->counts[i].offset);

			count(run->sh, w->consumer->name, w->consumer->counts[i].name,
			      now - w->counted[i]);
			w->counted[i] = now;
		}
	}
}

static void collect(struct run *run)
{
	struct shared *sh = run->sh;
	long long pf = proc_number("/sys/kernel/debug/kvm/pf_taken", -1);

	if (pf > 0)
		atomic_store(&sh->faults, pf);
	if (run->helper_fd >= 0)
		ioctl(run->helper_fd, PFNH_STATS, &sh->stats);
}

int engine_run(const struct scenario *sc, struct shared *sh, uint64_t seed, unsigned int vcpus,
	       const char *explorers)
{
	struct run *run = calloc(1, sizeof(*run));
	struct rng rng;
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	the_run = run;
	run->sc = sc;
	run->sh = sh;
	run->seed = seed;
	run->nr_vcpus = sc->vcpus ? sc->vcpus : vcpus;
	run->drawn = sc->nr_draw;
	signals_setup(sh);
	rcu_register_thread();

	run->helper_fd = sh->caps.helper ? helper_open() : -1;
	/* without injectors there is nothing to hit, and the hooks would only slow down faults */
	if (run->helper_fd >= 0 && sc->nr_injectors)
		ioctl(run->helper_fd, PFNH_MARK);
	add_workers(run);
	if (!fit_together(run) || !add_vm(run) || !add_regions(run))
		return EXIT_SKIP;
	add_guest(run);

	near_start(run);
	explore_start(run);
	atomic_store(&sh->nr_workers, run->nr_workers);
	pthread_barrier_init(&run->barrier, NULL, run->nr_workers + 1);
	for (i = 0; i < run->nr_workers; i++)
		pthread_create(&run->worker[i]->thread, NULL, worker_thread, run->worker[i]);
	pthread_barrier_wait(&run->barrier);
	atomic_store(&sh->running, 1);

	rng_seed(&rng, seed, 0);
	for (i = 0; !run_stopping(run); i++) {
		if (!(i % (PHASE_MS / LOOK_MS)))
			draw_placement(run, &rng);
		if (!(i % (EXPLORE_MS / LOOK_MS))) {
			explore_turn(run, explorers);
			place_threads(run);
			level_look(run);
		}
		usleep(LOOK_MS * 1000);
		near_collect(run);
		count_guests(run);
	}
	explore_stop(run);
	__atomic_store_n(&run->ctl->pause, 1, __ATOMIC_SEQ_CST);
	/* A worker that never comes back is the watchdog's: it kills this process. */
	rcu_thread_offline();
	for (i = 0; i < run->nr_workers; i++)
		pthread_join(run->worker[i]->thread, NULL);
	rcu_thread_online();

	near_collect(run);
	count_guests(run);
	collect(run);
	for (i = 0; i < run->nr_workers; i++)
		if (run->worker[i]->injector && run->worker[i]->injector->stop)
			run->worker[i]->injector->stop(run->worker[i]);
	poison_undo_all(sh);
	canary_check(run);
	refcount_check(run);
	level_check(run);
	durability_check(run);
	dirty_check(run);
	counts_check(run);
	kvm_vm_free(run->vm);
	regions_destroy(run);
	atomic_store(&sh->running, 0);
	return 0;
}
