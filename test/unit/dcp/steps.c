/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "steps.h"

#include <pthread.h>
#include <ucontext.h>

#include "test.h"

#include "dcp_os.h"
#include "dcp_sync.h"

#define STACK        (256 * 1024)
#define PREEMPTIONS  2
#define STEPS_MAX    50000 /* more is a livelock */
#define NS_PER_RELAX 10000 /* one turn ends a spin: each forced switch hides others */

enum task_state {
	TASK_READY,
	TASK_ASLEEP,
	TASK_DONE,
};

static struct task {
	ucontext_t ctx;
	enum task_state state;
	_Atomic uint32_t *word; /* asleep on this */
	uint64_t deadline;
	char *stack;
} tasks[STEPS_TASKS];

struct preemption {
	uint32_t step;
	int task;
};

static ucontext_t main_ctx;
static const struct steps_scenario *scenario;
static int nb_tasks, current = -1;
static uint64_t now;
static uint32_t step;
static struct preemption plan[PREEMPTIONS];
static int plan_len, plan_at;
static bool plan_void; /* a preemption had no effect */
static const char *wrong;

/* --- scheduler */

static void
go_to(int next)
{
	int prev = current;

	current = next;
	if (next == prev)
		return;
	if (prev < 0)
		swapcontext(&main_ctx, &tasks[next].ctx);
	else
		swapcontext(&tasks[prev].ctx, next < 0 ? &main_ctx : &tasks[next].ctx);
}

static bool
time_out(struct task *t)
{
	if (t->state != TASK_ASLEEP || t->deadline == UINT64_MAX)
		return false;
	now = now > t->deadline ? now : t->deadline;
	t->state = TASK_READY;
	return true;
}

/* The next one behind the current that is ready, the current one last; -1: none. */
static int
next_ready(void)
{
	for (int i = 1; i <= nb_tasks; i++) {
		int k = (current + i) % nb_tasks;

		if (tasks[k].state == TASK_READY)
			return k;
	}
	return -1;
}

/* The current task cannot go on. */
static void
yield(void)
{
	int next, first = -1;

	for (int i = 0; i < nb_tasks; i++) {
		if (tasks[i].deadline <= now)
			time_out(&tasks[i]);
	}
	next = next_ready();
	for (int i = 0; i < nb_tasks && next < 0; i++) {
		if (tasks[i].state == TASK_ASLEEP && tasks[i].deadline != UINT64_MAX &&
		    (first < 0 || tasks[i].deadline < tasks[first].deadline))
			first = i;
	}
	if (first >= 0 && time_out(&tasks[first]))
		next = first;
	for (int i = 0; i < nb_tasks && next < 0; i++) {
		if (tasks[i].state == TASK_ASLEEP)
			wrong = "a wake-up was lost: all tasks sleep";
	}
	go_to(next);
}

void
steps_step(void)
{
	const struct preemption *p = &plan[plan_at];

	if (current < 0)
		return;
	if (++step > STEPS_MAX) {
		wrong = "no end: livelock";
		go_to(-1);
	}
	if (plan_at == plan_len || step != p->step)
		return;
	plan_at++;
	if (p->task == current ||
	    (tasks[p->task].state != TASK_READY && !time_out(&tasks[p->task]))) {
		plan_void = true; /* the same as without it */
		return;
	}
	go_to(p->task);
}

static void
task_main(void)
{
	scenario->task[current]();
	tasks[current].state = TASK_DONE;
	yield();
}

/* --- what the library asks of the system */

void
dcp_os_relax(uint32_t spins)
{
	(void)spins;
	now += NS_PER_RELAX;
	if (current >= 0)
		yield();
}

uint64_t
dcp_os_now_ns(void)
{
	return now;
}

void
dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	struct task *t = &tasks[current];

	steps_step();
	if (atomic_load(word) != value || deadline_ns <= now)
		return;
	t->state = TASK_ASLEEP;
	t->word = word;
	t->deadline = deadline_ns;
	yield();
	t->word = NULL;
}

void
dcp_os_wake(_Atomic uint32_t *word)
{
	steps_step();
	for (int i = 0; i < nb_tasks; i++) {
		if (tasks[i].state == TASK_ASLEEP && tasks[i].word == word) {
			tasks[i].state = TASK_READY;
			return;
		}
	}
}

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);

/* All tasks are one thread to the C library. */
int
__wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	if (current < 0)
		return __real_pthread_mutex_lock(mutex);
	while (pthread_mutex_trylock(mutex) != 0)
		dcp_os_relax(0);
	return 0;
}

/* --- exploration */

static void
start_task(struct task *t)
{
	if (t->stack == NULL)
		t->stack = malloc(STACK);
	assert_non_null(t->stack);
	getcontext(&t->ctx);
	t->ctx.uc_stack.ss_sp = t->stack;
	t->ctx.uc_stack.ss_size = STACK;
	t->ctx.uc_link = NULL;
	makecontext(&t->ctx, task_main, 0);
	t->state = TASK_READY;
}

/* One run by the plan. @return its steps. */
static uint32_t
run_plan(int len)
{
	step = 0;
	plan_len = len;
	plan_at = 0;
	plan_void = false;
	scenario->begin();
	for (int i = 0; i < nb_tasks; i++)
		start_task(&tasks[i]);
	go_to(0);
	for (int i = 0; i < nb_tasks && wrong == NULL; i++) {
		if (tasks[i].state != TASK_DONE)
			wrong = "a task did not end";
	}
	if (wrong != NULL) {
		print_error("%s; preemptions:", wrong);
		for (int i = 0; i < plan_at; i++)
			print_error(" to task %d at step %u,", plan[i].task, plan[i].step);
		print_error(" of %u steps\n", step);
		exit(1); /* half a port is left, with which no other test can be run */
	}
	scenario->end();
	return step;
}

/* All plans that begin with the first len preemptions and have more. */
static uint32_t
explore(int len, uint32_t first_step, uint32_t steps)
{
	uint32_t runs = 0, n;

	if (len == PREEMPTIONS)
		return 0;
	for (uint32_t at = first_step; at <= steps; at++) {
		for (int t = 0; t < nb_tasks; t++) {
			plan[len] = (struct preemption){at, t};
			n = run_plan(len + 1);
			runs++;
			if (!plan_void)
				runs += explore(len + 1, at + 1, n);
		}
	}
	return runs;
}

uint32_t
steps_explore(const struct steps_scenario *s)
{
	scenario = s;
	for (nb_tasks = 0; nb_tasks < STEPS_TASKS && s->task[nb_tasks] != NULL; nb_tasks++)
		;
	return 1 + explore(0, 1, run_plan(0));
}
