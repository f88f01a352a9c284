/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The table of ranges that follows EAL's memory events, against a bitmap of pages. */

#include "test.h"

/* The table and the event handler are private to the file. */
#include "ioat_emu_mem.c"

int ioat_log_type;

#define PAGE  4096u
#define PAGES 256u
#define BASE  ((uintptr_t)1 << 40)

static unsigned int quiesced;

static void
count_quiesce(void)
{
	quiesced++;
}

static void
event(enum rte_mem_event type, unsigned int page, unsigned int n)
{
	mem_event(type, (void *)(BASE + page * (uintptr_t)PAGE), n * (size_t)PAGE, NULL);
}

static void
clear(void)
{
	event(RTE_MEM_EVENT_FREE, 0, PAGES);
	mem.quiesce = count_quiesce;
	quiesced = 0;
}

/* Every page is found if and only if it is granted, with the right number of bytes behind it. */
static void
compare(struct emu_mem_cache *cache, const bool *granted)
{
	unsigned int page, run;

	for (page = 0; page < PAGES; page++) {
		uintptr_t addr = BASE + page * (uintptr_t)PAGE + 5;
		size_t len = SIZE_MAX;
		void *found = emu_mem_find(cache, addr, &len);

		if (!granted[page]) {
			CHECK(found == NULL);
			continue;
		}
		for (run = 0; page + run < PAGES && granted[page + run]; run++)
			;
		CHECK(found == (void *)addr);
		CHECK_INT(len, ==, run * (size_t)PAGE - 5);
	}
}

TEST(neighbours_join_and_a_hole_splits)
{
	struct emu_mem_cache cache = {0};
	bool granted[PAGES] = {false};

	clear();
	event(RTE_MEM_EVENT_ALLOC, 10, 2);
	event(RTE_MEM_EVENT_ALLOC, 14, 2);
	CHECK_INT(mem.count, ==, 2);
	event(RTE_MEM_EVENT_ALLOC, 12, 2);
	CHECK_INT(mem.count, ==, 1);
	memset(&granted[10], true, 6);
	compare(&cache, granted);
	event(RTE_MEM_EVENT_FREE, 11, 3);
	CHECK_INT(mem.count, ==, 2);
	memset(&granted[11], false, 3);
	compare(&cache, granted);
	clear();
	CHECK_INT(mem.count, ==, 0);
}

TEST(random_events_leave_exactly_what_was_granted)
{
	struct emu_mem_cache cache = {0};
	bool granted[PAGES] = {false};
	unsigned int i;

	clear();
	srand(1);
	for (i = 0; i < 3000; i++) {
		unsigned int page = (unsigned int)rand() % PAGES;
		unsigned int n = 1 + (unsigned int)rand() % RTE_MIN(20u, PAGES - page);
		bool grant = rand() % 2 == 0;

		event(grant ? RTE_MEM_EVENT_ALLOC : RTE_MEM_EVENT_FREE, page, n);
		memset(&granted[page], grant, n);
		compare(&cache, granted);
	}
	clear();
}

TEST(memory_that_goes_away_waits_for_the_devices)
{
	clear();
	event(RTE_MEM_EVENT_ALLOC, 0, 1);
	CHECK_INT(quiesced, ==, 0);
	event(RTE_MEM_EVENT_FREE, 0, 1);
	CHECK_INT(quiesced, ==, 1);
}

TEST_MAIN("driver_emu_mem")
