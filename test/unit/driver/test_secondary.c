/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * A real secondary process beside a primary: the program starts itself once more. Processes share
 * memory in huge pages only, so that the tests are skipped where there are none.
 */

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>

#include "eal.h"
#include "test.h"

#include <rte_bus_vdev.h>
#include <rte_malloc.h>

#include "ioat_priv.h"

#define THREAD "dma_ioat_emu_s0"
#define INLINE "dma_ioat_emu_s1"
#define COPIES 200
#define LEN    4096u
#define PAGES  32

extern char **environ;

static const char *program;
static char prefix[64];

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
	for (us = 0; us < 5000000; us += 10) {
		if (rte_dma_completed_status(id, 0, 1, NULL, &status) == 1)
			return status;
		rte_delay_us_sleep(10);
	}
	CHECK(!"no completion in 5 s");
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

/* Roles of the secondary process. */
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

static const struct {
	const char *name;
	void (*run)(void);
} roles[] = {
	{"look", role_look},     {"meddle", role_meddle},     {"copy", role_copy},
	{"inline", role_inline}, {"stranger", role_stranger},
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

static int
secondary_main(const char *name)
{
	const struct CMUnitTest one[] = {cmocka_unit_test(run_role)};
	char args[160], *argv[16], *save = NULL, *word;
	int argc = 0;

	role = name;
	snprintf(args, sizeof(args),
	         "secondary --proc-type=secondary --file-prefix=%s --no-pci -l 0 "
	         "--no-telemetry",
	         prefix);
	for (word = strtok_r(args, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	if (rte_eal_init(argc, argv) < 0)
		return 3;
	/* Its results are the primary's: standard output belongs to that one's TAP. */
	if (freopen("/dev/null", "w", stdout) == NULL)
		return 4;
	return cmocka_run_group_tests(one, NULL, NULL) == 0 ? 0 : 1;
}

/* Run a secondary process to its end. @return its exit code. */
static int
secondary(const char *name)
{
	char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "--role",
	                (char *)(uintptr_t)name, prefix, NULL};
	int status;
	pid_t pid;

	CHECK_INT(posix_spawn(&pid, program, NULL, NULL, argv, environ), ==, 0);
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int16_t
start(const char *name, const char *args)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 64};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	int16_t id;

	CHECK_INT(rte_vdev_init(name, args), ==, 0);
	id = id_of(name);
	CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
	CHECK_INT(rte_dma_vchan_setup(id, 0, &vchan), ==, 0);
	CHECK_INT(rte_dma_start(id), ==, 0);
	return id;
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

TEST_LIST

/* Free huge pages of the default size, as the kernel counts them. */
static long
free_pages(void)
{
	char line[128];
	long n = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "HugePages_Free: %ld", &n) == 1)
			break;
	fclose(f);
	return n;
}

/* EAL shares pages between processes as files of hugetlbfs. */
static bool
is_mounted(void)
{
	FILE *f = fopen("/proc/mounts", "r");
	bool found = false;
	char line[512];

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strstr(line, " hugetlbfs ") != NULL;
	if (f != NULL)
		fclose(f);
	return found;
}

int
main(int argc, char **argv)
{
	char args[160];

	program = argv[0];
	if (argc == 4 && strcmp(argv[1], "--role") == 0) {
		snprintf(prefix, sizeof(prefix), "%s", argv[3]);
		return secondary_main(argv[2]);
	}
	if (free_pages() < PAGES) {
		printf("1..0 # SKIP fewer than %d free huge pages\n", PAGES);
		return 0;
	}
	if (!is_mounted()) {
		printf("1..0 # SKIP no hugetlbfs is mounted\n");
		return 0;
	}
	snprintf(prefix, sizeof(prefix), "ioat_secondary_%d", (int)getpid());
	snprintf(args, sizeof(args),
	         "--file-prefix=%s --iova-mode=va -m 32 --no-pci -l 0 --no-telemetry", prefix);
	return eal_test_main(args, "driver_secondary");
}
