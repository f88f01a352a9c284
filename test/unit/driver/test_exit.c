/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * A process that ends with channels open. The program starts itself once more for each case, on a
 * function that the model answers; when that process has ended but for its last destructor, the
 * device is looked at from there.
 */

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "fake_pci.h"

#define COPIES 10

extern char **environ;

static const char *program;

/* What the last destructor says of the device; the exit code. */
static int (*verdict)(void);
static int writes_before;
static uint8_t from[COPIES][64], to[COPIES][64];

/* Started, and COPIES in flight of which the device has done none. */
static int16_t
start_busy(void)
{
	int16_t id;
	int i;

	fake_plug(IOAT_MODEL_ICX, 1);
	id = fake_start();
	fake.frozen = true;
	memset(from, 0x77, sizeof(from));
	for (i = 0; i < COPIES; i++)
		CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)from[i], (uintptr_t)to[i], 64, 0), ==, i);
	CHECK_INT(rte_dma_submit(id, 0), ==, 0);
	fake_run();
	CHECK_INT(fake_reg(IOAT_CHANSTS, 4) & CHANSTS_STATE, ==, IOAT_STATE_ACTIVE);
	return id;
}

/* At rest, without an address, given back; and it does nothing any more whatever time it gets. */
static int
is_reset(void)
{
	uint8_t before[sizeof(to)];
	bool ok = fake_reg(IOAT_CHANSTS, 8) == IOAT_STATE_HALTED &&
	          fake_reg(IOAT_CHANCMP, 8) == 0 && fake_reg(IOAT_CHAINADDR, 8) == 0 &&
	          (fake_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE) == 0 && to[COPIES - 1][0] == 0;

	memcpy(before, to, sizeof(to));
	fake.frozen = false;
	fake_run();
	return ok && memcmp(before, to, sizeof(to)) == 0 ? 0 : 1;
}

static int
is_as_it_was(void)
{
	return fake.writes == writes_before ? 0 : 1;
}

static int
is_over(void)
{
	return 0;
}

static void
role_busy(void)
{
	start_busy();
	verdict = is_reset;
}

/* As a thread does whose dump goes into a pipe that nobody reads. */
static void *
hold(void *held)
{
	ioat_mp_lock();
	sem_post(held);
	for (;;)
		pause();
	return NULL;
}

static void
role_held(void)
{
	pthread_t thread;
	sem_t held;

	start_busy();
	sem_init(&held, 0, 0);
	CHECK_INT(pthread_create(&thread, NULL, hold, &held), ==, 0);
	sem_wait(&held);
	verdict = is_reset;
}

static void
role_stopped(void)
{
	int16_t id;

	fake_plug(IOAT_MODEL_SKX, 1);
	id = fake_start();
	CHECK_INT(rte_dma_stop(id), ==, 0);
	verdict = is_reset;
}

static void
role_closed(void)
{
	fake_plug(IOAT_MODEL_ICX, 1);
	CHECK_INT(rte_dma_stop(fake_start()), ==, 0);
	CHECK_INT(fake_remove(), ==, 0);
	writes_before = fake.writes;
	verdict = is_as_it_was;
}

static void
role_child(void)
{
	int status;
	pid_t pid;

	start_busy();
	pid = fork();
	if (pid == 0) {
		writes_before = fake.writes;
		verdict = is_as_it_was;
		exit(0);
	}
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, 0);
	verdict = is_reset;
}

static void
role_gone(void)
{
	start_busy();
	fake.gone = true;
	verdict = is_over;
}

static void
role_refusing(void)
{
	const struct ioat_model_fault refuse = {.kind = IOAT_MODEL_FAULT_RESET, .count = 1000000};

	start_busy();
	CHECK_INT(ioat_model_inject(fake.model, 0, &refuse), ==, 0);
	verdict = is_over;
}

static const struct {
	const char *name;
	void (*run)(void);
} roles[] = {
	{"busy", role_busy},         {"stopped", role_stopped}, {"closed", role_closed},
	{"held", role_held},         {"child", role_child},     {"gone", role_gone},
	{"refusing", role_refusing},
};

static const char *role;

static void
run_role(void **state __rte_unused)
{
	size_t i;

	for (i = 0; i < RTE_DIM(roles); i++)
		if (strcmp(role, roles[i].name) == 0)
			roles[i].run();
}

/* Behind the driver's own: destructors run from high priorities to low ones. */
static void __attribute__((destructor(101))) last_look(void)
{
	if (verdict != NULL)
		_exit(verdict());
}

/* Run a process to its end. @return its exit code. */
static int
run_process(const char *name)
{
	char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "--role",
	                (char *)(uintptr_t)name, NULL};
	unsigned int ms;
	int status;
	pid_t pid;

	CHECK_INT(posix_spawn(&pid, program, NULL, NULL, argv, environ), ==, 0);
	for (ms = 0; waitpid(pid, &status, WNOHANG) == 0; ms += 10) {
		if (ms >= 60000)
			kill(pid, SIGKILL);
		rte_delay_us_sleep(10000);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(exit_with_work_in_flight_leaves_the_device_reset_and_without_an_address)
{
	CHECK_INT(run_process("busy"), ==, 0);
}

TEST(exit_does_not_wait_for_a_thread_that_keeps_the_list_of_channels)
{
	CHECK_INT(run_process("held"), ==, 0);
}

TEST(exit_of_a_process_whose_device_is_stopped_gives_the_channel_back)
{
	CHECK_INT(run_process("stopped"), ==, 0);
}

TEST(exit_after_close_writes_to_no_register)
{
	CHECK_INT(run_process("closed"), ==, 0);
}

TEST(exit_of_a_child_leaves_the_channel_of_its_parent_alone)
{
	CHECK_INT(run_process("child"), ==, 0);
}

TEST(exit_ends_where_the_device_is_gone)
{
	CHECK_INT(run_process("gone"), ==, 0);
}

TEST(exit_ends_where_the_device_refuses_to_be_reset)
{
	CHECK_INT(run_process("refusing"), ==, 0);
}

TEST_LIST

static int
role_main(const char *name)
{
	const struct CMUnitTest one[] = {cmocka_unit_test(run_role)};
	char args[] = "role --no-huge -m 64 --no-pci --no-shconf -l 0 --no-telemetry";
	char *argv[16];

	role = name;
	if (rte_eal_init(test_words(args, argv, 15), argv) < 0)
		return 3;
	/* Its results are the tester's: standard output belongs to that one's TAP. */
	if (freopen("/dev/null", "w", stdout) == NULL)
		return 4;
	if (cmocka_run_group_tests(one, NULL, NULL) == 0)
		return 5; /* unless the verdict says otherwise */
	verdict = NULL;
	return 1;
}

int
main(int argc, char **argv)
{
	program = argv[0];
	if (argc == 3 && strcmp(argv[1], "--role") == 0)
		return role_main(argv[2]);
	return test_run_all("driver_exit") == 0 ? 0 : 1;
}
