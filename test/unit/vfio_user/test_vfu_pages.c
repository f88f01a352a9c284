/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * A guest's memory page by page, as QEMU hands it on behind an emulated IOMMU: what Linux's VFIO
 * selftest of this device maps, 1 GiB and 2 MiB.
 */

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"

#define RW     (VFU_MAP_READ | VFU_MAP_WRITE)
#define PAGE   4096ull
#define PAGES  ((1ull << 30) / PAGE + (2ull << 20) / PAGE)
#define BIG    0x100000000ull /* where they begin */
#define SPREAD 100003ull      /* no divisor of PAGES: neighbours lie apart in the file */

struct pages {
	struct rig r;
	int fd;
	uint8_t *file;
};

static uint64_t
offset_of(uint64_t page)
{
	return page * SPREAD % PAGES * PAGE;
}

/** The client's own byte @p at of the large memory. */
static uint8_t *
byte_at(const struct pages *p, uint64_t at)
{
	return p->file + offset_of(at / PAGE) + at % PAGE;
}

static void
pages_open(struct pages *p)
{
	rig_open_ready(&p->r, NULL);
	p->fd = memfd_create("guest", MFD_CLOEXEC);
	CHECK(p->fd >= 0);
	CHECK_INT(ftruncate(p->fd, (off_t)(PAGES * PAGE)), ==, 0);
	p->file = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
	CHECK(p->file != MAP_FAILED);
}

static void
pages_close(struct pages *p)
{
	rig_close(&p->r);
	munmap(p->file, PAGES * PAGE);
	close(p->fd);
}

static size_t
count_ranges(struct pages *p)
{
	struct vfu_func_stats stats;

	/* The answer to a question means that all before it was served. */
	CHECK_INT(rig_read(&p->r, CFG, 0, 2), ==, 0x8086);
	vfu_func_stats(p->r.func, &stats);
	CHECK_INT(stats.refused, ==, 0);
	return stats.ranges - 1; /* without the rig's own */
}

static void
map_all(struct pages *p)
{
	struct vfu_dma_map map = {sizeof(map), RW, 0, BIG, PAGE};
	uint64_t i;

	for (i = 0; i < PAGES; i++, map.addr += PAGE) {
		map.offset = offset_of(i);
		rig_post_fds(&p->r, VFU_DMA_MAP, &map, sizeof(map), &p->fd, 1);
	}
	CHECK_INT(count_ranges(p), ==, PAGES);
}

/** Copy @p size bytes of the large memory with the device, and compare each. */
static void
copy_and_check(struct pages *p, uint64_t from, uint64_t to, uint32_t size)
{
	uint32_t i;

	for (i = 0; i < size; i++) {
		*byte_at(p, from + i) = (uint8_t)(i * 7 + i / 256);
		*byte_at(p, to + i) = 0;
	}
	*byte_at(p, to + size) = GUARD;
	rig_arm(&p->r);
	rig_copy_desc(&p->r, 0, BIG + from, BIG + to, size, DESC_CTRL_COMPL);
	CHECK_INT(rig_ring(&p->r, 1), ==, IOAT_STATE_DONE);
	for (i = 0; i < size; i++)
		CHECK_INT(*byte_at(p, to + i), ==, (uint8_t)(i * 7 + i / 256));
	CHECK_INT(*byte_at(p, to + size), ==, GUARD);
}

/** Take back the pages before @p end one by one, across all of them. */
static void
unmap_each(struct pages *p, uint64_t end)
{
	struct vfu_dma_unmap unmap = {sizeof(unmap), 0, 0, PAGE};
	uint64_t i, page;

	for (i = 0; i < PAGES; i++) {
		page = i * SPREAD % PAGES;
		unmap.addr = BIG + page * PAGE;
		if (page < end)
			rig_post_fds(&p->r, VFU_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0);
	}
}

/* Once through, for the sake of time. */
TEST(gigabyte_in_pages_is_mapped_copied_across_and_taken_back_one_by_one_and_at_once)
{
	const uint64_t half = PAGES / 2, gap = half + 77;
	struct pages p;

	pages_open(&p);
	map_all(&p);
	copy_and_check(&p, 5, 3 * PAGE + 17, 2 * PAGE);
	copy_and_check(&p, (1ull << 30) - 3, 1000 * PAGE - 1, 6 * PAGE + 1);
	copy_and_check(&p, 1234567, (PAGES - 300) * PAGE - 99, 1u << 20);

	unmap_each(&p, half);
	CHECK_INT(count_ranges(&p), ==, PAGES - half);
	CHECK_INT(rig_unmap(&p.r, BIG, half * PAGE), ==, -ENOENT);
	CHECK_INT(rig_unmap(&p.r, BIG + gap * PAGE, PAGE), ==, sizeof(struct vfu_dma_unmap));
	copy_and_check(&p, (gap + 1) * PAGE, (gap - 8) * PAGE, 7 * PAGE - 1);
	rig_arm(&p.r);
	rig_copy_desc(&p.r, 0, BIG + (gap - 1) * PAGE, BIG + half * PAGE, 2 * PAGE, 0);
	CHECK_INT(rig_ring(&p.r, 1), ==, IOAT_STATE_HALTED);
	CHECK_INT(rig_read(&p.r, BAR, CHAN(IOAT_CHANERR), 4), ==, CHANERR_SRC_ADDR);

	CHECK_INT(rig_unmap(&p.r, BIG, PAGES * PAGE - 1), ==, -EINVAL);
	CHECK_INT(rig_unmap(&p.r, BIG, PAGES * PAGE), ==, sizeof(struct vfu_dma_unmap));
	CHECK_INT(count_ranges(&p), ==, 0);
	CHECK_INT(rig_unmap(&p.r, BIG, PAGES * PAGE), ==, -ENOENT);
	CHECK_INT(rig_map(&p.r, BIG, PAGES * PAGE, RW, p.fd, 0), ==, 0);
	pages_close(&p);
}

TEST_MAIN("vfu_pages")
