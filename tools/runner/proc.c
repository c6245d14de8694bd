// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes and signals. Each child has a process group of its own: a Ctrl-C on the terminal
 * reaches the runner alone, which then ends the group it is waiting for, grandchildren included. A
 * child also dies with the runner, even if that is killed with SIGKILL.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"

int signals_init(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void signals_poll(struct run *run)
{
	struct signalfd_siginfo si;

	while (read(run->signal_fd, &si, sizeof(si)) == sizeof(si))
		if (si.ssi_signo != SIGCHLD && !run->interrupted)
			run->interrupted = si.ssi_signo;
}

static void child_fd(int fd, int as)
{
	if (fd >= 0 && fd != as)
		dup2(fd, as);
}

bool proc_start(struct proc *p, const struct spawn *how)
{
	pid_t parent = getpid();
	sigset_t none;
	int null;

	memset(p, 0, sizeof(*p));
	p->pid = fork();
	if (p->pid < 0) {
		p->pid = 0;
		return false;
	}
	if (p->pid) {
		setpgid(p->pid, p->pid);
		return true;
	}

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	child_fd(null, 0);
	child_fd(how->out, 1);
	child_fd(how->err, 2);
	if (how->keep >= 0)
		fcntl(how->keep, F_SETFD, 0);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(how->argv[0], how->argv);
	dprintf(2, "%s: %s\n", how->argv[0], strerror(errno));
	_exit(127);
}

bool proc_check(struct proc *p)
{
	if (!p->pid || p->exited)
		return true;
	if (waitpid(p->pid, &p->status, WNOHANG) == p->pid)
		p->exited = true;
	return p->exited;
}

bool proc_wait(struct proc *p, uint64_t ms)
{
	uint64_t until = now_ms() + ms;

	while (!proc_check(p) && now_ms() < until)
		usleep(5000);
	return p->exited || !p->pid;
}

/* Ends the whole group. What is left of it after the leader's death is killed without grace. */
void proc_end(struct proc *p, uint64_t grace_ms)
{
	if (!p->pid)
		return;
	if (!p->exited && grace_ms) {
		kill(-p->pid, SIGTERM);
		proc_wait(p, grace_ms);
	}
	kill(-p->pid, SIGKILL);
	proc_wait(p, 10000);
	p->pid = 0;
}

const char *proc_describe(const struct proc *p, char *buf, size_t size)
{
	if (!p->exited)
		snprintf(buf, size, "is still running");
	else if (WIFSIGNALED(p->status))
		snprintf(buf, size, "was killed by signal %d (%s)", WTERMSIG(p->status),
			 strsignal(WTERMSIG(p->status)));
	else
		snprintf(buf, size, "exited with status %d", WEXITSTATUS(p->status));
	return buf;
}

struct last_line {
	char line[4096];
	size_t len;
	bool complete;
};

static void last_line_feed(struct last_line *l, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n') {
			l->complete = true;
			continue;
		}
		if (l->complete) {
			l->complete = false;
			l->len = 0;
		}
		if (l->len < sizeof(l->line) - 1)
			l->line[l->len++] = data[i];
	}
}

/*
 * Runs a program to its end and gives the last line that it printed; NULL if it failed, if it
 * printed nothing, or if a signal ended the run meanwhile.
 */
char *proc_last_line(struct run *run, char * const *argv, int *status)
{
	struct spawn how = { .argv = argv, .err = -1, .keep = -1 };
	struct last_line last = { .len = 0 };
	char buf[4096];
	struct proc p;
	int fds[2];
	ssize_t n;

	*status = -1;
	if (pipe2(fds, O_CLOEXEC))
		return NULL;
	how.out = fds[1];
	if (!proc_start(&p, &how)) {
		close(fds[0]);
		close(fds[1]);
		return NULL;
	}
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	for (;;) {
		struct pollfd fd[2] = {
			{ .fd = fds[0], .events = POLLIN },
			{ .fd = run->signal_fd, .events = POLLIN },
		};
		bool exited = proc_check(&p);

		while ((n = read(fds[0], buf, sizeof(buf))) > 0)
			last_line_feed(&last, buf, n);
		signals_poll(run);
		if (exited || run->interrupted)
			break;
		/* End of file before the end of the program: SIGCHLD will tell. */
		poll(n == 0 ? fd + 1 : fd, n == 0 ? 1 : 2, 1000);
	}
	close(fds[0]);
	if (p.exited)
		*status = WIFEXITED(p.status) ? WEXITSTATUS(p.status) : 128 + WTERMSIG(p.status);
	proc_end(&p, run->interrupted ? 3000 : 0);
	if (run->interrupted || *status || !last.len)
		return NULL;
	return format("%.*s", (int)last.len, last.line);
}

/* The longest time that one thread of it was ready to run and did not get a CPU. */
uint64_t proc_run_delay_ns(const struct proc *p)
{
	unsigned long long on_cpu, delay, max = 0;
	char path[64], name[400];
	struct dirent *entry;
	FILE *file;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", p->pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		snprintf(name, sizeof(name), "%s/%s/schedstat", path, entry->d_name);
		file = fopen(name, "re");
		if (!file)
			continue;
		if (fscanf(file, "%llu %llu", &on_cpu, &delay) == 2 && delay > max)
			max = delay;
		fclose(file);
	}
	closedir(dir);
	return max;
}
