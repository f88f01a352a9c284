/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * A real secondary process beside a primary: the program starts itself once more. Processes share
 * memory in huge pages only, so that the tests are skipped where there are none.
 *
 * over 500 lines: each case is in two parts, one for each process
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "eal.h"
#include "huge.h"
#include "test.h"

#include <rte_bus_vdev.h>
#include <rte_malloc.h>

#include "ioat_priv.h"

#define THREAD "dma_ioat_emu_s0"
#define INLINE "dma_ioat_emu_s1"
#define COPIES 200
#define LEN    4096u
#define PAGES  32
/* Free in each process: with AddressSanitizer EAL chooses where the kernel maps anything. */
#define BASE "--base-virtaddr=0x200000000000"

extern char **environ;

static const char *program;
static char prefix[64]; /* of the files that a family of processes shares */
static char family[64]; /* and of those of a second family */
static int news = -1;   /* where a process says how far it is */

static int16_t
id_of(const char *name)
{
	return (int16_t)rte_dma_get_dev_id_by_name(name);
}

static enum rte_dma_status_code
copy(int16_t id, const void *src, void *dst)
{
	enum rte_dma_status_code status;
	unsigned int us;

	CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)src, (uintptr_t)dst, LEN, RTE_DMA_OP_FLAG_SUBMIT),
	          >=, 0);
	for (us = 0; us < 60000000; us += 10) {
		if (rte_dma_completed_status(id, 0, 1, NULL, &status) == 1)
			return status;
		rte_delay_us_sleep(10);
	}
	CHECK(!"no completion in 60 s");
	return RTE_DMA_STATUS_ERROR_UNKNOWN;
}

static void
copies(int16_t id, unsigned int n)
{
	uint8_t *mem = rte_malloc(NULL, 2 * LEN, 0);
	unsigned int i;

	assert_non_null(mem);
	for (i = 0; i < n; i++) {
		memset(mem, (int)(i + 1), LEN);
		CHECK_INT(copy(id, mem, mem + LEN), ==, RTE_DMA_STATUS_SUCCESSFUL);
		CHECK_MEM(mem, mem + LEN, LEN);
	}
	rte_free(mem);
}

static char *
dump(int16_t id)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	CHECK_INT(rte_dma_dump(id, f), ==, 0);
	fclose(f);
	return text;
}

static int16_t
start(const char *name, const char *args)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 64};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	int16_t id;

	/* Not rte_vdev_init(): 26.07 keeps the name of a device that was unplugged. */
	CHECK_INT(rte_eal_hotplug_add("vdev", name, args), ==, 0);
	id = id_of(name);
	CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
	CHECK_INT(rte_dma_vchan_setup(id, 0, &vchan), ==, 0);
	CHECK_INT(rte_dma_start(id), ==, 0);
	return id;
}

/* Start a process in a role, among those that share @p files. */
static pid_t
spawn(const char *name, const char *files)
{
	char fd[16];
	char *argv[] = {(char *)(uintptr_t)program,
	                (char *)(uintptr_t) "--role",
	                (char *)(uintptr_t)name,
	                (char *)(uintptr_t)files,
	                fd,
	                NULL};
	pid_t pid;

	snprintf(fd, sizeof(fd), "%d", news);
	CHECK_INT(posix_spawn(&pid, program, NULL, NULL, argv, environ), ==, 0);
	return pid;
}

/* Wait for the end of a process. @return its exit code; less than 0: the signal. */
static int
end_of(pid_t pid)
{
	int status;

	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Run a secondary process of this one to its end. @return its exit code. */
static int
secondary(const char *name)
{
	return end_of(spawn(name, prefix));
}

/* Roles of other processes. */
static void
role_look(void)
{
	int16_t id = id_of(THREAD);
	enum rte_dma_vchan_status status;
	struct rte_dma_stats stats;
	struct rte_dma_info info;
	char *text;

	CHECK_INT(id, >=, 0);
	CHECK_INT(rte_dma_info_get(id, &info), ==, 0);
	CHECK_INT(info.nb_vchans, ==, 1);
	CHECK_INT(rte_dma_stats_get(id, 0, &stats), ==, 0);
	CHECK_INT(stats.submitted, ==, COPIES);
	CHECK_INT(stats.completed, ==, COPIES);
	CHECK_INT(rte_dma_vchan_status(id, 0, &status), ==, 0);
	CHECK_INT(status, ==, RTE_DMA_VCHAN_IDLE);
	text = dump(id);
	CHECK(strstr(text, "(DONE, last descriptor 0x") != NULL);
	free(text);
}

static void
role_meddle(void)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 64};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	int16_t id = id_of(THREAD), stopped = id_of(INLINE);

	CHECK_INT(rte_dma_stop(id), ==, -ENOTSUP);
	CHECK_INT(rte_dma_close(id), ==, -EBUSY);
	CHECK_INT(rte_dma_configure(stopped, &conf), ==, -ENOTSUP);
	CHECK_INT(rte_dma_vchan_setup(stopped, 0, &vchan), ==, -ENOTSUP);
	CHECK_INT(rte_dma_start(stopped), ==, -ENOTSUP);
	CHECK_INT(rte_dma_stats_reset(id, 0), ==, -ENOTSUP);
}

static void
role_copy(void)
{
	int16_t id = id_of(THREAD);
	uint8_t *mem = rte_malloc(NULL, 2 * LEN, 0);

	assert_non_null(mem);
	copies(id, COPIES);
	/* The halt is found, and the channel recovered, from here. */
	CHECK_INT(copy(id, NULL, mem), ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	copies(id, COPIES);
	rte_free(mem);
}

static void
role_inline(void)
{
	int16_t id = id_of(INLINE);
	enum rte_dma_vchan_status status;
	char *text = dump(id);

	CHECK(strstr(text, "only the primary process reaches them") != NULL);
	free(text);
	CHECK_INT(rte_dma_vchan_status(id, 0, &status), ==, -ENOTSUP);
	CHECK_INT(rte_dma_copy(id, 0, 0, 0, 64, 0), <, 0);
}

static void
role_stranger(void)
{
	CHECK_INT(rte_vdev_init("dma_ioat_emu_s9", ""), <, 0);
	CHECK_INT(id_of("dma_ioat_emu_s9"), <, 0);
}

static void
tell(char what)
{
	CHECK_INT(write(news, &what, 1), ==, 1);
}

/* A primary of its own that is killed, which its secondary tells the time for. */
static void
role_doomed(void)
{
	start(THREAD, "");
	spawn("orphan", prefix);
	for (;;)
		pause();
}

static void
role_orphan(void)
{
	const pid_t primary = getppid();
	const uint64_t end = rte_get_timer_cycles() + 120 * rte_get_timer_hz();
	int16_t id = id_of(THREAD);
	uint8_t *mem = rte_malloc(NULL, 2 * LEN, 0);
	enum rte_dma_vchan_status status;
	char *text;

	copies(id, COPIES);
	tell('r');
	while (getppid() == primary) {
		CHECK(rte_get_timer_cycles() < end);
		rte_delay_us_sleep(1000);
	}
	/* Nobody serves the device any more: it is gone, and that is said in bounded time. */
	CHECK_INT(copy(id, mem, mem + LEN), ==, RTE_DMA_STATUS_DEV_LINK_ERROR);
	CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)mem, (uintptr_t)mem, LEN, 0), ==, -EIO);
	CHECK_INT(rte_dma_vchan_status(id, 0, &status), ==, 0);
	CHECK_INT(status, ==, RTE_DMA_VCHAN_HALTED_ERROR);
	text = dump(id);
	CHECK(strstr(text, "the device is gone") != NULL);
	free(text);
	tell('k');
}

static void
role_next(void)
{
	copies(start(THREAD, ""), COPIES);
	CHECK_INT(rte_vdev_uninit(THREAD), ==, 0);
}

/* Wait until the primary has done what it was told of by @p what. */
static void
await_primary(char what, bool (*done)(int16_t id), int16_t id)
{
	const uint64_t end = rte_get_timer_cycles() + 120 * rte_get_timer_hz();

	tell(what);
	while (!done(id)) {
		CHECK(rte_get_timer_cycles() < end);
		rte_delay_us_sleep(1000);
	}
}

static bool
is_closed(int16_t id)
{
	struct rte_dma_info info;

	return rte_dma_info_get(id, &info) != 0;
}

static void
role_left(void)
{
	int16_t id = id_of(THREAD);
	enum rte_dma_vchan_status status;
	struct rte_dma_stats stats;
	FILE *f = fopen("/dev/null", "w");

	await_primary('c', is_closed, id);
	CHECK(rte_dma_stats_get(id, RTE_DMA_ALL_VCHAN, &stats) < 0);
	CHECK(rte_dma_vchan_status(id, 0, &status) < 0);
	CHECK(rte_dma_dump(id, f) < 0);
	fclose(f);
	tell('d');
	for (;;) /* the primary unplugs it here, too, then kills this process */
		pause();
}

static bool
is_silent(int16_t id)
{
	char *text = dump(id);
	bool silent = strstr(text, "state: started, silent") != NULL;

	free(text);
	return silent;
}

/* More copies than the ring has room for, of which none is ever asked for. */
static void
role_silent(void)
{
	int16_t id = id_of(THREAD);
	uint8_t *mem = rte_malloc(NULL, 2 * LEN, 0);
	const uint64_t end = rte_get_timer_cycles() + 120 * rte_get_timer_hz();
	int i, rc;

	await_primary('s', is_silent, id);
	for (i = 0; i < 1000; i++) {
		do {
			CHECK(rte_get_timer_cycles() < end);
			rc = rte_dma_copy(id, 0, (uintptr_t)mem, (uintptr_t)mem + LEN, LEN,
			                  RTE_DMA_OP_FLAG_SUBMIT);
		} while (rc == -ENOSPC);
		CHECK_INT(rc, >=, 0);
	}
	rte_free(mem);
}

static const struct {
	const char *name;
	void (*run)(void);
	bool primary;
} roles[] = {
	{"look", role_look, false},     {"meddle", role_meddle, false},
	{"copy", role_copy, false},     {"inline", role_inline, false},
	{"orphan", role_orphan, false}, {"stranger", role_stranger, false},
	{"left", role_left, false},     {"silent", role_silent, false},
	{"doomed", role_doomed, true},  {"next", role_next, true},
};

static size_t role;

static void
run_role(void **state __rte_unused)
{
	roles[role].run();
}

static int
role_main(const char *name)
{
	const struct CMUnitTest one[] = {cmocka_unit_test(run_role)};
	char args[1024], primary[400], pages[256] = "", *argv[16];

	(void)huge_find_mount(pages);
	snprintf(primary, sizeof(primary), "-m 16 --huge-dir=%s " BASE, pages);
	while (strcmp(name, roles[role].name) != 0)
		if (++role == RTE_DIM(roles))
			return 2;
	snprintf(args, sizeof(args),
	         "%s %s --file-prefix=%s --iova-mode=va --no-pci -l 0 --no-telemetry", name,
	         roles[role].primary ? primary : "--proc-type=secondary", prefix);
	if (rte_eal_init(test_words(args, argv, 15), argv) < 0)
		return 3;
	/* Its results are the primary's: standard output belongs to that one's TAP. */
	if (freopen("/dev/null", "w", stdout) == NULL)
		return 4;
	return cmocka_run_group_tests(one, NULL, NULL) == 0 ? 0 : 1;
}

TEST(secondary_reads_info_statistics_status_and_dump_without_disturbing_the_channel)
{
	int16_t id = start(THREAD, "");

	copies(id, COPIES);
	CHECK_INT(secondary("look"), ==, 0);
	copies(id, COPIES);
	CHECK_INT(rte_vdev_uninit(THREAD), ==, 0);
}

TEST(secondary_may_not_configure_start_stop_or_close)
{
	int16_t id = start(THREAD, "");

	CHECK_INT(rte_dma_stop(start(INLINE, "inline")), ==, 0);
	CHECK_INT(secondary("meddle"), ==, 0);
	copies(id, 1);
	CHECK_INT(rte_vdev_uninit(INLINE), ==, 0);
	CHECK_INT(rte_vdev_uninit(THREAD), ==, 0);
}

TEST(secondary_copies_and_recovers_on_a_channel_handed_to_it_and_hands_it_back)
{
	int16_t id = start(THREAD, "");
	struct rte_dma_stats stats;

	copies(id, COPIES);
	CHECK_INT(secondary("copy"), ==, 0);
	copies(id, COPIES);
	CHECK_INT(rte_dma_stats_get(id, 0, &stats), ==, 0);
	CHECK_INT(stats.submitted, ==, 4 * COPIES + 1);
	CHECK_INT(stats.completed, ==, 4 * COPIES + 1);
	CHECK_INT(stats.errors, ==, 1);
	CHECK_INT(rte_vdev_uninit(THREAD), ==, 0);
}

TEST(secondary_sees_an_inline_channel_without_data_path)
{
	start(INLINE, "inline");
	CHECK_INT(secondary("inline"), ==, 0);
	CHECK_INT(rte_vdev_uninit(INLINE), ==, 0);
}

TEST(secondary_makes_no_device_of_its_own)
{
	CHECK_INT(secondary("stranger"), ==, 0);
}

/* What the other processes say next, in time. */
static char
hear(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char what = 0;

	CHECK_INT(poll(&p, 1, 300000), ==, 1);
	CHECK_INT(read(fd, &what, 1), ==, 1);
	return what;
}

TEST(secondary_whose_primary_dies_is_told_and_the_next_primary_opens_the_device)
{
	int ends[2];
	pid_t pid;

	CHECK_INT(pipe(ends), ==, 0);
	news = ends[1];
	pid = spawn("doomed", family);
	CHECK_INT(hear(ends[0]), ==, 'r');
	CHECK_INT(kill(pid, SIGKILL), ==, 0);
	CHECK_INT(end_of(pid), ==, -SIGKILL);
	CHECK_INT(hear(ends[0]), ==, 'k');
	CHECK_INT(end_of(spawn("next", family)), ==, 0);
	close(ends[0]);
	close(ends[1]);
}

TEST(secondary_asks_a_channel_that_the_primary_has_closed_and_lets_it_go)
{
	int16_t id = start(THREAD, "");
	int ends[2];
	pid_t pid;

	CHECK_INT(pipe(ends), ==, 0);
	news = ends[1];
	pid = spawn("left", prefix);
	CHECK_INT(hear(ends[0]), ==, 'c');
	CHECK_INT(rte_dma_stop(id), ==, 0);
	CHECK_INT(rte_dma_close(id), ==, 0);
	CHECK_INT(hear(ends[0]), ==, 'd');
	CHECK_INT(rte_eal_hotplug_remove("vdev", THREAD), ==, 0);
	/* Another device gets the same id there, and goes again. */
	CHECK_INT(rte_eal_hotplug_add("vdev", INLINE, ""), ==, 0);
	CHECK_INT(rte_eal_hotplug_remove("vdev", INLINE), ==, 0);
	CHECK_INT(kill(pid, SIGKILL), ==, 0);
	CHECK_INT(end_of(pid), ==, -SIGKILL);
	copies(start(THREAD, ""), COPIES);
	CHECK_INT(rte_vdev_uninit(THREAD), ==, 0);
	close(ends[0]);
	close(ends[1]);
}

TEST(silent_mode_that_is_configured_after_a_secondary_attached_holds_there_too)
{
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
	const struct rte_dma_conf conf = {.nb_vchans = 1, .flags = RTE_DMA_CFG_FLAG_SILENT};
#else
	const struct rte_dma_conf conf = {.nb_vchans = 1, .enable_silent = true};
#endif
	int16_t id = start(THREAD, "silent");
	int ends[2];
	pid_t pid;

	CHECK_INT(rte_dma_stop(id), ==, 0);
	CHECK_INT(pipe(ends), ==, 0);
	news = ends[1];
	pid = spawn("silent", prefix);
	CHECK_INT(hear(ends[0]), ==, 's');
	CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
	CHECK_INT(rte_dma_start(id), ==, 0);
	CHECK_INT(end_of(pid), ==, 0);
	CHECK_INT(rte_vdev_uninit(THREAD), ==, 0);
	close(ends[0]);
	close(ends[1]);
}

TEST_LIST

int
main(int argc, char **argv)
{
	char args[512], pages[256], run[256], *end;
	const char *why;
	int rc;

	program = argv[0];
	if (argc == 5 && strcmp(argv[1], "--role") == 0) {
		snprintf(prefix, sizeof(prefix), "%s", argv[3]);
		news = (int)strtol(argv[4], NULL, 10);
		return role_main(argv[2]);
	}
	if (huge_pages_free() < PAGES) {
		printf("1..0 # SKIP fewer than %d free huge pages\n", PAGES);
		return 0;
	}
	why = huge_find_mount(pages);
	if (why != NULL) {
		printf("1..0 # SKIP %s\n", why);
		return 0;
	}
	snprintf(prefix, sizeof(prefix), "ioat_secondary_%d", (int)getpid());
	snprintf(family, sizeof(family), "ioat_family_%d", (int)getpid());
	snprintf(args, sizeof(args),
	         "--file-prefix=%s --iova-mode=va -m 32 --no-pci -l 0 --no-telemetry "
	         "--huge-dir=%s " BASE,
	         prefix, pages);
	rc = eal_test_main(args, "driver_secondary");
	snprintf(run, sizeof(run), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	end = strrchr(run, '/');
	if (end != NULL)
		*end = '\0';
	huge_sweep(pages, run, prefix);
	huge_sweep(pages, run, family);
	return rc;
}
