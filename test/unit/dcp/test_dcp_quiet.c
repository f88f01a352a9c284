/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <ucontext.h>

#include "test.h"

#include "dcp.h"
#include "dcp_os.h"
#include "dcp_sync.h"
#include "getter.h"
#include "fair.h"
#include "rig.h"

/* T12: what a port does when there is nothing to do, and what it asks of the system. */

/* --- calls of dcp_os */

static _Atomic uint32_t os_wakes, os_sleeps;

void __real_dcp_os_wake(_Atomic uint32_t *word);
void __wrap_dcp_os_wake(_Atomic uint32_t *word);
void __real_dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns);
void __wrap_dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns);

void
__wrap_dcp_os_wake(_Atomic uint32_t *word)
{
	atomic_fetch_add(&os_wakes, 1);
	__real_dcp_os_wake(word);
}

void
__wrap_dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	atomic_fetch_add(&os_sleeps, 1);
	__real_dcp_os_sleep(word, value, deadline_ns);
}

/* S9. The mutant: port_rouse() wakes without a look whether somebody sleeps. */
TEST(busy_port_neither_wakes_nor_sleeps)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	struct dcp_cpl cpl[64];

	atomic_store(&os_wakes, 0);
	atomic_store(&os_sleeps, 0);
	for (int i = 0; i < 1000; i++) {
		CHECK_INT(rig_issue(port, chan, 0, 20), ==, 20);
		rig_post(port, 1);
		CHECK_INT(dcp_get(w, cpl, RTE_DIM(cpl), DCP_FOREVER), ==, 21);
	}
	CHECK_INT(atomic_load(&os_wakes), ==, 0);
	CHECK_INT(atomic_load(&os_sleeps), ==, 0);
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

TEST(sleeping_worker_costs_one_wake_for_a_batch)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	uint16_t chan = rig_chan(port, dev, 0);
	struct getter *g = getter_start(port, DCP_FOREVER, UINT32_MAX);

	rig_wait_bed(port, DCP_BED_DEEP);
	atomic_store(&os_wakes, 0);
	CHECK_INT(rig_issue(port, chan, 0, 20), ==, 20);
	rig_wait_for(&g->records, 20);
	CHECK_INT(atomic_load(&os_wakes), ==, 1);
	dcp_close(port);
	getter_join(g);
	rig_end(port);
	rig_device_free(dev);
}

/* --- system calls of any kind */

#if defined(__x86_64__) && defined(PR_SET_SYSCALL_USER_DISPATCH) && !defined(SANITIZED)

/* While this is BLOCK, each system call of the thread raises SIGSYS instead. */
static volatile char selector;
static volatile uint32_t system_calls;

/* Count it, and make it after all. */
static void
on_system_call(int signo, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signo;
	system_calls++;
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	regs[REG_RIP] -= 2; /* the instruction again */
	regs[REG_RAX] = info->si_syscall;
}

static bool
count_system_calls(bool on)
{
	struct sigaction act = {.sa_sigaction = on_system_call, .sa_flags = SA_SIGINFO};

	if (!on) {
		signal(SIGSYS, SIG_DFL);
		return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0) == 0;
	}
	system_calls = 0;
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	CHECK_INT(sigaction(SIGSYS, &act, NULL), ==, 0);
	return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector) == 0;
}

static void
issue_post_and_get(struct dcp_port *port, struct dcp_worker *w, uint16_t chan)
{
	struct dcp_cpl cpl[64];
	int issued, got;

	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	issued = rig_issue(port, chan, 0, 20);
	rig_post(port, 1);
	got = dcp_get(w, cpl, RTE_DIM(cpl), DCP_FOREVER);
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	CHECK_INT(issued, ==, 20);
	CHECK_INT(got, ==, 21);
}

/* S9: also with others that are parked. */
TEST(issue_post_and_get_make_no_system_call)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = limited_port(1, 0);
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	struct getter *g[2];

	if (!count_system_calls(true))
		SKIP("the kernel has no syscall user dispatch (Linux 5.11)");
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	sched_yield();
	CHECK_INT(system_calls, ==, 1); /* it does count */
	system_calls = 0;
	issue_post_and_get(port, w, chan);
	for (int i = 0; i < 2; i++)
		g[i] = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 2, false);
	for (int i = 0; i < 10000; i++)
		issue_post_and_get(port, w, chan);
	CHECK_INT(system_calls, ==, 0);
	CHECK(count_system_calls(false));
	dcp_close(port);
	dcp_worker_del(w);
	for (int i = 0; i < 2; i++)
		getter_join(g[i]);
	rig_end(port);
	rig_device_free(dev);
}

#else

TEST(issue_post_and_get_make_no_system_call)
{
	SKIP("counts with syscall user dispatch of Linux on x86-64, without sanitizers");
}

#endif

/* --- S7 */

struct activity {
	uint64_t switches, cpu_ns;
};

/* Of a thread: what /proc says, and its own clock. */
static struct activity
activity_of(const struct getter *g)
{
	struct activity a = {0, 0};
	struct timespec ts;
	unsigned long long n;
	char line[256];
	clockid_t clock;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/self/task/%d/status", (int)g->tid);
	f = fopen(line, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "voluntary_ctxt_switches: %llu", &n) == 1 ||
		    sscanf(line, "nonvoluntary_ctxt_switches: %llu", &n) == 1)
			a.switches += n;
	}
	fclose(f);
	CHECK_INT(a.switches, >, 0);
	CHECK_INT(pthread_getcpuclockid(g->thread, &clock), ==, 0);
	CHECK_INT(clock_gettime(clock, &ts), ==, 0);
	a.cpu_ns = (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
	return a;
}

/* Wait until threads are on their way nowhere: on a busy machine to their sleep takes a while. */
static void
wait_asleep(struct getter *const *g, int n)
{
	struct fair_clock clock;

	fair_start(&clock);
	for (int i = 0; i < n;) {
		CHECK_INT(fair_now(&clock), <=, RIG_PATIENCE);
		rig_sleep_ms(50);
		i = fair_wants_processor(g[i]->tid) ? 0 : i + 1;
	}
}

/* The mutant: lead_sleep() always naps. */
TEST(idle_port_does_not_run_at_all_for_a_second)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	uint16_t chan = rig_chan(port, dev, 0);
	struct getter *g[3];
	struct activity before[3], after;
	uint64_t naps;

	for (int i = 0; i < 3; i++)
		g[i] = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 2, true);
	/* It has been at work before. */
	CHECK_INT(rig_issue(port, chan, 0, 20), ==, 20);
	while (atomic_load(&g[0]->records) + atomic_load(&g[1]->records) +
	               atomic_load(&g[2]->records) !=
	       20)
		rig_sleep_ms(1);
	rig_wait_parked(port, 2, true);
	rig_wait_bed(port, DCP_BED_DEEP);
	wait_asleep(g, 3);
	naps = STAT(port, naps);
	for (int i = 0; i < 3; i++)
		before[i] = activity_of(g[i]);
	rig_sleep_ms(1000);
	for (int i = 0; i < 3; i++) {
		after = activity_of(g[i]);
		CHECK_INT(after.switches, ==, before[i].switches);
		CHECK_INT(after.cpu_ns, ==, before[i].cpu_ns);
	}
	CHECK_INT(STAT(port, naps), ==, naps);
	dcp_close(port);
	for (int i = 0; i < 3; i++)
		getter_join(g[i]);
	rig_end(port);
	rig_device_free(dev);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_quiet") == 0 ? 0 : 1;
}
