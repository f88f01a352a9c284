/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The virtual device in a running EAL: arguments, names, memory that it may touch, removal. */

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include "eal.h"
#include "test.h"

#include <rte_bus_vdev.h>
#include <rte_malloc.h>

#include "ioat_emu_mem.h"
#include "ioat_priv.h"

#define NAME "dma_ioat_emu_t"
#define SIZE 4096u

/* Time as the driver sees it: while it stands still, only a pause of the driver moves it. */
static bool still;
static unsigned int paused_us;

int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
void __real_rte_delay_us_sleep(unsigned int us);
void __wrap_rte_delay_us_sleep(unsigned int us);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (!still)
		return __real_clock_gettime(clock, ts);
	*ts = (struct timespec){.tv_sec = paused_us / 1000000,
	                        .tv_nsec = paused_us % 1000000 * 1000};
	return 0;
}

void
__wrap_rte_delay_us_sleep(unsigned int us)
{
	if (still)
		paused_us += us;
	else
		__real_rte_delay_us_sleep(us);
}

/* A started device with the given arguments and a ring of 64. */
static int16_t
start(const char *args)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 64};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	int id;

	CHECK_INT(rte_vdev_init(NAME, args), ==, 0);
	id = rte_dma_get_dev_id_by_name(NAME);
	CHECK_INT(id, >=, 0);
	CHECK_INT(rte_dma_configure((int16_t)id, &conf), ==, 0);
	CHECK_INT(rte_dma_vchan_setup((int16_t)id, 0, &vchan), ==, 0);
	CHECK_INT(rte_dma_start((int16_t)id), ==, 0);
	return (int16_t)id;
}

static void
finish(void)
{
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name(NAME), <, 0);
}

/* Run one copy to its end. */
static enum rte_dma_status_code
copy(int16_t id, const void *src, void *dst, uint32_t len)
{
	enum rte_dma_status_code status;
	unsigned int us;

	CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)src, (uintptr_t)dst, len, RTE_DMA_OP_FLAG_SUBMIT),
	          >=, 0);
	for (us = 0; us < 60000000; us += 10) {
		if (rte_dma_completed_status(id, 0, 1, NULL, &status) == 1)
			return status;
		rte_delay_us_sleep(10);
	}
	CHECK(!"no completion in 60 s");
	return RTE_DMA_STATUS_ERROR_UNKNOWN;
}

TEST(bad_arguments_are_refused)
{
	static const char *const bad[] = {
		"device=abc",     "device=",     "device",
		"xfercap=11",     "xfercap=31",  "xfercap=x",
		"xfercap=12x",    "xfercap=",    "channels=0",
		"channels=17",    "lcore=99",    "lcore=-1",
		"lcore=100000",   "inline=2",    "inline=x",
		"colour=red",     "channels= 2", "channels=+2",
		"inline,lcore=0", "inline=1=1",  "xfercap=12,xfercap=13",
		"fill=2",         "takeover=x",  "silent=2",
		"silent=x",       "silent=",     "halt-word=maybe",
		"halt-word",
	};
	size_t i;

	for (i = 0; i < RTE_DIM(bad); i++) {
		if (rte_vdev_init(NAME, bad[i]) >= 0) {
			print_error("%s was accepted\n", bad[i]);
			CHECK(false);
		}
		CHECK_INT(rte_dma_get_dev_id_by_name(NAME), <, 0);
	}
}

TEST(each_identity_copies_fills_and_reports_errors)
{
	static const char *const part[] = {"device=icx,inline", "device=skx,inline",
	                                   "device=bdx,inline", "device=ivb,inline"};
	uint8_t *mem = rte_malloc(NULL, 2 * SIZE, 0);
	struct rte_dma_info info;
	int16_t id;
	size_t i;

	for (i = 0; i < RTE_DIM(part); i++) {
		id = start(part[i]);
		CHECK_INT(rte_dma_info_get(id, &info), ==, 0);
		CHECK((info.dev_capa & RTE_DMA_CAPA_HANDLES_ERRORS) != 0);
		CHECK((info.dev_capa & RTE_DMA_CAPA_OPS_FILL) != 0);
		memset(mem, (int)i + 1, SIZE);
		CHECK_INT(copy(id, mem, mem + SIZE, SIZE), ==, RTE_DMA_STATUS_SUCCESSFUL);
		CHECK_MEM(mem, mem + SIZE, SIZE);
		finish();
	}
	rte_free(mem);
}

TEST(error_is_reported_whatever_the_part_writes_when_it_halts)
{
	static const char *const rule[] = {
		"device=ivb,inline", "device=ivb,inline,halt-word=always",
		"device=ivb,inline,halt-word=asked", "device=ivb,inline,halt-word=never",
		"device=icx,halt-word=never"};
	uint8_t *mem = rte_zmalloc(NULL, SIZE, 0);
	int16_t id;
	size_t i;

	for (i = 0; i < RTE_DIM(rule); i++) {
		id = start(rule[i]);
		CHECK_INT(copy(id, NULL, mem, 64), ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
		CHECK_INT(copy(id, mem, mem + 64, 64), ==, RTE_DMA_STATUS_SUCCESSFUL);
		finish();
	}
	rte_free(mem);
}

TEST(part_without_block_fill_does_not_advertise_it_and_refuses_a_fill)
{
	uint8_t *mem = rte_zmalloc(NULL, SIZE, 0);
	int16_t id = start("inline,fill=0");
	enum rte_dma_status_code status;
	struct rte_dma_info info;

	CHECK_INT(rte_dma_info_get(id, &info), ==, 0);
	CHECK((info.dev_capa & RTE_DMA_CAPA_OPS_FILL) == 0);
	CHECK((info.dev_capa & RTE_DMA_CAPA_OPS_COPY) != 0);
	CHECK_INT(rte_dma_fill(id, 0, UINT64_MAX, (uintptr_t)mem, 64, RTE_DMA_OP_FLAG_SUBMIT), ==,
	          0);
	CHECK_INT(rte_dma_completed_status(id, 0, 1, NULL, &status), ==, 1);
	CHECK_INT(status, ==, RTE_DMA_STATUS_INVALID_OPCODE);
	CHECK_INT(mem[0], ==, 0);
	memset(mem, 7, 64);
	CHECK_INT(copy(id, mem, mem + 64, 64), ==, RTE_DMA_STATUS_SUCCESSFUL);
	CHECK_MEM(mem, mem + 64, 64);
	finish();
	rte_free(mem);
}

TEST(channels_are_dmadevs_of_their_own_that_work_apart)
{
	char name[RTE_DEV_NAME_MAX_LEN];
	unsigned int i;

	CHECK_INT(rte_vdev_init(NAME, "channels=4"), ==, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name(NAME), <, 0);
	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), NAME "_ch%u", i);
		CHECK_INT(rte_dma_get_dev_id_by_name(name), >=, 0);
	}
	/* One that the application closed does not disturb the removal of the rest. */
	CHECK_INT(rte_dma_close((int16_t)rte_dma_get_dev_id_by_name(name)), ==, 0);
	finish();
	CHECK_INT(rte_dma_get_dev_id_by_name(NAME "_ch0"), <, 0);
}

static void
check_unknown_memory(const char *args)
{
	uint8_t *mem = rte_malloc(NULL, 2 * SIZE, 0);
	uint8_t *heap = malloc(SIZE);
	uint8_t stack[64] = {0};
	int16_t id = start(args);

	CHECK_INT(copy(id, NULL, mem, 64), ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	CHECK_INT(copy(id, mem, NULL, 64), ==, RTE_DMA_STATUS_INVALID_DST_ADDR);
	CHECK_INT(copy(id, heap, mem, SIZE), ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	CHECK_INT(copy(id, mem, heap, SIZE), ==, RTE_DMA_STATUS_INVALID_DST_ADDR);
	CHECK_INT(copy(id, stack, mem, sizeof(stack)), ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	CHECK_INT(copy(id, (void *)UINTPTR_MAX, mem, 64), ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	CHECK_INT(copy(id, mem, mem + SIZE, SIZE), ==, RTE_DMA_STATUS_SUCCESSFUL);
	finish();
	free(heap);
	rte_free(mem);
}

TEST(memory_unknown_to_eal_is_an_address_error_with_a_thread)
{
	check_unknown_memory("");
}

TEST(memory_unknown_to_eal_is_an_address_error_inline)
{
	check_unknown_memory("inline");
}

TEST(registered_external_memory_is_reached_until_it_is_unregistered)
{
	uint8_t *mem = rte_malloc(NULL, SIZE, 0);
	uint8_t *ext =
		mmap(NULL, 4 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int16_t id = start("inline");

	CHECK(ext != MAP_FAILED);
	memset(ext, 0x3c, 4 * SIZE);
	CHECK_INT(copy(id, ext + 100, mem, SIZE), ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	CHECK_INT(rte_extmem_register(ext, 4 * SIZE, NULL, 0, SIZE), ==, 0);
	/* Across a page of the registered area. */
	CHECK_INT(copy(id, ext + 100, mem, SIZE), ==, RTE_DMA_STATUS_SUCCESSFUL);
	CHECK_MEM(ext + 100, mem, SIZE);
	CHECK_INT(rte_extmem_unregister(ext, 4 * SIZE), ==, 0);
	munmap(ext, 4 * SIZE);
	CHECK_INT(copy(id, ext + 100, mem, SIZE), ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	finish();
	rte_free(mem);
}

TEST(copy_that_runs_over_the_end_of_known_memory_is_an_address_error)
{
	uint8_t *ext =
		mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *mem = rte_malloc(NULL, 2 * SIZE, 0);
	int16_t id = start("inline");

	CHECK_INT(rte_extmem_register(ext, SIZE, NULL, 0, SIZE), ==, 0);
	CHECK_INT(copy(id, ext, mem, SIZE), ==, RTE_DMA_STATUS_SUCCESSFUL);
	CHECK_INT(copy(id, ext, mem, SIZE + 1), ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	CHECK_INT(copy(id, mem, ext + 1, SIZE), ==, RTE_DMA_STATUS_INVALID_DST_ADDR);
	CHECK_INT(rte_extmem_unregister(ext, SIZE), ==, 0);
	munmap(ext, 2 * SIZE);
	finish();
	rte_free(mem);
}

TEST(data_of_a_copy_is_there_when_the_thread_reports_it)
{
	enum {
		BURST = 32,
		CELL = 256
	};
	uint64_t *src = rte_malloc(NULL, BURST * CELL, 64);
	uint64_t *dst = rte_malloc(NULL, BURST * CELL, 64);
	uint64_t end;
	int16_t id = start("");
	uint64_t value = 1;
	int round, i, done;

	for (round = 0; round < 3000; round++) {
		end = rte_get_tsc_cycles() + 120 * rte_get_tsc_hz();
		for (i = 0; i < BURST; i++) {
			src[i * CELL / 8] = value++;
			CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)&src[i * CELL / 8],
			                       (uintptr_t)&dst[i * CELL / 8], CELL, 0),
			          >=, 0);
		}
		rte_dma_submit(id, 0);
		for (done = 0; done < BURST;) {
			int n = rte_dma_completed(id, 0, BURST, NULL, NULL);

			/* In order, so the first that are reported are the first copied. */
			for (i = done; i < done + n; i++)
				CHECK_INT(dst[i * CELL / 8], ==, src[i * CELL / 8]);
			done += n;
			CHECK(rte_get_tsc_cycles() < end);
		}
	}
	finish();
	rte_free(src);
	rte_free(dst);
}

TEST(inline_device_with_much_in_flight_is_drained_by_stop)
{
	enum {
		COPIES = 40,
		LEN = 8 << 20
	};
	enum rte_dma_status_code st[COPIES];
	uint8_t *mem = rte_malloc(NULL, 2 * LEN, 0);
	int16_t id = start("inline,xfercap=23");
	int i, rc;

	/* More than register reads get done in a second with pauses between them, */
	for (i = 0; i < COPIES; i++)
		CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)mem, (uintptr_t)mem + LEN, LEN, 0), ==, i);
	rte_dma_submit(id, 0);
	still = true; /* whatever else the processor has to do. */
	rc = rte_dma_stop(id);
	still = false;
	CHECK_INT(rc, ==, 0);
	CHECK_INT(rte_dma_completed_status(id, 0, COPIES, NULL, st), ==, COPIES);
	for (i = 0; i < COPIES; i++)
		CHECK_INT(st[i], ==, RTE_DMA_STATUS_SUCCESSFUL);
	finish();
	rte_free(mem);
}

/* One completion call for each burst, larger than what any budget of bytes lets pass. */
static void
check_nothing_is_left_behind(bool with_status)
{
	enum {
		BURST = 32,
		LEN = 9000,
		ROUNDS = 200
	};
	enum rte_dma_status_code st[BURST];
	uint8_t *mem = rte_zmalloc(NULL, 2 * BURST * LEN, 0);
	int16_t id = start("inline");
	int round, i, n;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < BURST; i++) {
			uint8_t *cell = mem + (size_t)i * LEN;

			cell[LEN - 1] = (uint8_t)(round + 1);
			CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)cell,
			                       (uintptr_t)cell + BURST * LEN, LEN, 0),
			          >=, 0);
		}
		rte_dma_submit(id, 0);
		n = with_status ? rte_dma_completed_status(id, 0, BURST, NULL, st)
		                : rte_dma_completed(id, 0, BURST, NULL, NULL);
		CHECK_INT(n, ==, BURST);
		for (i = 1; i <= BURST; i++)
			CHECK_INT(mem[(BURST + i) * LEN - 1], ==, (uint8_t)(round + 1));
	}
	finish();
	rte_free(mem);
}

TEST(inline_device_finishes_a_burst_of_jumbo_frames_in_one_completion_call)
{
	check_nothing_is_left_behind(false);
	check_nothing_is_left_behind(true);
}

TEST(removal_leaves_a_namesake_of_another_vdev_alone)
{
	int16_t id;

	CHECK_INT(rte_vdev_init(NAME, "channels=2"), ==, 0);
	id = (int16_t)rte_dma_get_dev_id_by_name(NAME "_ch1");
	CHECK_INT(rte_dma_close(id), ==, 0);
	CHECK_INT(rte_vdev_init(NAME "_ch1", ""), ==, 0);
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name(NAME "_ch0"), <, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name(NAME "_ch1"), >=, 0);
	/* And a name that is taken is refused. */
	CHECK_INT(rte_vdev_init(NAME, "channels=2"), <, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name(NAME "_ch0"), <, 0);
	CHECK_INT(rte_vdev_uninit(NAME "_ch1"), ==, 0);
}

TEST(removal_of_a_started_device_with_work_in_flight_ends)
{
	uint8_t *mem = rte_malloc(NULL, 2 * SIZE, 0);
	int16_t id = start("");
	int i;

	for (i = 0; i < 40; i++)
		CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)mem, (uintptr_t)mem + SIZE, SIZE, 0), >=,
		          0);
	rte_dma_submit(id, 0);
	finish();
	rte_free(mem);
}

TEST(probe_and_removal_can_be_repeated)
{
	int i;

	for (i = 0; i < 50; i++) {
		start(i % 2 == 0 ? "inline" : "lcore=0");
		finish();
	}
}

TEST(dump_works_before_and_after_set_up)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	int id;

	CHECK_INT(rte_vdev_init(NAME, "inline"), ==, 0);
	id = rte_dma_get_dev_id_by_name(NAME);
	f = open_memstream(&text, &len);
	CHECK_INT(rte_dma_dump((int16_t)id, f), ==, 0);
	fclose(f);
	CHECK(strstr(text, "no ring") != NULL);
	CHECK(strstr(text, "HALTED") != NULL);
	free(text);
	finish();

	id = start("inline");
	f = open_memstream(&text, &len);
	CHECK_INT(rte_dma_dump((int16_t)id, f), ==, 0);
	fclose(f);
	CHECK(strstr(text, "ARMED") != NULL);
	free(text);
	finish();
}

/* A name of its own: 26.07 leaves an unplugged device on the bus, in the way of rte_vdev_init(). */
#define PLUGGED "dma_ioat_emu_plugged"

TEST(device_is_plugged_and_unplugged_through_eal_with_work_in_flight)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 64};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	uint8_t *mem = rte_malloc(NULL, 2 * SIZE, 0);
	int16_t id;
	int i, k;

	for (i = 0; i < 4; i++) { /* each waits a second for a thread that polls */
		CHECK_INT(rte_eal_hotplug_add("vdev", PLUGGED, i % 2 == 0 ? "" : "inline"), ==, 0);
		id = (int16_t)rte_dma_get_dev_id_by_name(PLUGGED);
		CHECK_INT(id, >=, 0);
		CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
		CHECK_INT(rte_dma_vchan_setup(id, 0, &vchan), ==, 0);
		CHECK_INT(rte_dma_start(id), ==, 0);
		for (k = 0; k < 40; k++)
			CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)mem, (uintptr_t)mem + SIZE, SIZE,
			                       RTE_DMA_OP_FLAG_SUBMIT),
			          >=, 0);
		CHECK_INT(rte_eal_hotplug_remove("vdev", PLUGGED), ==, 0);
		CHECK_INT(rte_dma_get_dev_id_by_name(PLUGGED), <, 0);
	}
	rte_free(mem);
}

TEST(largest_ring_takes_32767_operations)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 32768};
	uint8_t *mem = rte_zmalloc(NULL, SIZE, 0);
	int16_t id = start("inline");
	uint16_t last;
	uint32_t i, n;

	mem[0] = 9;
	CHECK_INT(rte_dma_stop(id), ==, 0);
	CHECK_INT(rte_dma_vchan_setup(id, 0, &vchan), ==, 0);
	CHECK_INT(rte_dma_start(id), ==, 0);
	CHECK_INT(rte_dma_burst_capacity(id, 0), ==, 32767);
	for (i = 0; i < 32767; i++)
		CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)mem, (uintptr_t)mem + 64, 1, 0), ==, i);
	CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)mem, (uintptr_t)mem + 64, 1, 0), ==, -ENOSPC);
	CHECK_INT(rte_dma_submit(id, 0), ==, 0);
	for (i = 0, n = 0; i < 1000 && n < 32767; i++)
		n += rte_dma_completed(id, 0, UINT16_MAX, &last, NULL);
	CHECK_INT(n, ==, 32767);
	CHECK_INT(last, ==, 32766);
	CHECK_INT(mem[64], ==, 9);
	finish();
	rte_free(mem);
}

TEST_LIST

int
main(void)
{
	return eal_test_main("--no-huge -m 64 --no-pci --no-shconf -l 0 --no-telemetry",
	                     "driver_vdev");
}
