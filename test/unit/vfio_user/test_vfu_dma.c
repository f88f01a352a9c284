/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Memory of the client: by messages, taken away, in pages, truncated. */

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"

#define RW    (VFU_MAP_READ | VFU_MAP_WRITE)
#define PAGE  4096u
#define PAGES (MEM_SIZE / PAGE)

/** A client without shared memory. */
static void
open_remote(struct rig *r, unsigned int wait_ms)
{
	struct vfu_func_conf conf = {.device = IOAT_MODEL_ICX, .wait_ms = wait_ms};

	rig_open(r, &conf);
	CHECK_INT(rig_version(r), >, 0);
	CHECK_INT(rig_map(r, MEM_BASE, MEM_SIZE, RW, -1, 0), ==, 0);
	rig_write(r, CFG, 4, 6, 2);
}

static void
check_guard(struct rig *r, uint64_t from, uint64_t to)
{
	const uint8_t *p = rig_at(r, from);
	uint64_t i;

	for (i = 0; i < to - from; i++)
		CHECK_INT(p[i], ==, GUARD);
}

TEST(memory_without_a_descriptor_is_read_and_written_by_messages)
{
	struct rig r;
	uint64_t word;

	open_remote(&r, 0);
	rig_arm(&r);
	memset(rig_at(&r, SRC), 0x5a, 10000);
	rig_copy_desc(&r, 0, SRC + 3, DST + 5, 9000, DESC_CTRL_COMPL);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_MEM(rig_at(&r, DST + 5), rig_at(&r, SRC), 9000);
	check_guard(&r, DST, DST + 5);
	check_guard(&r, DST + 9005, MEM_BASE + MEM_SIZE);
	memcpy(&word, rig_at(&r, CMP), sizeof(word));
	CHECK_INT(word, ==, RING | IOAT_STATE_DONE);
	CHECK_INT(r.dma_reads, >, 1);
	CHECK_INT(r.dma_writes, >, 1);
	rig_close(&r);
}

TEST(transfer_is_cut_into_what_the_client_takes)
{
	static const char text[] = "{\"capabilities\":{\"max_data_xfer_size\":1000}}";
	char body[sizeof(struct vfu_version) + sizeof(text)] = {0, 0, 1, 0};
	struct rig r;

	rig_open(&r, NULL);
	memcpy(body + sizeof(struct vfu_version), text, sizeof(text));
	CHECK_INT(rig_call(&r, VFU_VERSION, body, sizeof(body), NULL, 0), >, 0);
	CHECK_INT(rig_map(&r, MEM_BASE, MEM_SIZE, RW, -1, 0), ==, 0);
	rig_write(&r, CFG, 4, 6, 2);
	rig_arm(&r);
	memset(rig_at(&r, SRC), 0x5a, 4096);
	rig_copy_desc(&r, 0, SRC, DST, 4096, 0);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_MEM(rig_at(&r, DST), rig_at(&r, SRC), 4096);
	CHECK_INT(r.dma_writes, ==, 5);
	rig_close(&r);
}

TEST(client_that_refuses_halts_the_channel)
{
	struct rig r;

	open_remote(&r, 0);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, DESC_CTRL_COMPL);
	r.dma_error = EFAULT;
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANERR), 4) & CHANERR_DESC, ==, CHANERR_DESC);
	rig_close(&r);
}

TEST(answer_of_the_wrong_size_is_an_error)
{
	struct rig r;

	open_remote(&r, 0);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, 0);
	r.dma_wrong_size = true;
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	rig_close(&r);
}

TEST(client_that_does_not_answer_is_waited_for_once)
{
	struct rig r;

	open_remote(&r, 200);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, 0);
	r.dma_silent = true;
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	CHECK_INT(r.dma_reads, ==, 1); /* and the completion with the error was not tried */
	CHECK_INT(r.dma_writes, ==, 0);
	rig_close(&r);
}

TEST(late_answer_makes_the_client_worth_asking_again)
{
	struct vfu_header late = {0, VFU_DMA_READ, sizeof(late), VFU_FLAG_REPLY, 0};
	struct rig r;

	open_remote(&r, 200);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, 0);
	r.dma_silent = true;
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	r.dma_silent = false;
	rig_send(&r, &late, sizeof(late));
	rig_arm(&r);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	rig_close(&r);
}

/* The answer comes behind more commands than were ever queued. */
TEST(commands_in_front_of_an_answer_do_not_hold_it_back)
{
	struct {
		struct vfu_header header;
		struct vfu_region_access access;
	} ask = {{0, VFU_REGION_READ, sizeof(ask), 0, 0}, {0, CFG, 4}};
	struct rig r;
	unsigned int i;
	uint16_t last;

	open_remote(&r, 0);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, 0);
	rig_write(&r, BAR, CHAN(IOAT_DMACOUNT), 1, 2);
	last = (uint16_t)(r.id + 500);
	for (i = 0; i < 500; i++) {
		ask.header.id = ++r.id;
		rig_send(&r, &ask, sizeof(ask));
	}
	for (r.id = (uint16_t)(last - 499); r.id != last; r.id++)
		CHECK_INT(rig_reply(&r, NULL, 0), ==, sizeof(ask.access) + 4);
	CHECK_INT(rig_reply(&r, NULL, 0), ==, sizeof(ask.access) + 4);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	rig_close(&r);
}

TEST(client_that_leaves_under_a_request_is_let_go)
{
	struct {
		struct vfu_header header;
		struct vfu_region_access access;
		uint16_t count;
	} __attribute__((packed)) ring = {
		{0, VFU_REGION_WRITE, sizeof(ring), VFU_FLAG_NO_REPLY, 0},
		{CHAN(IOAT_DMACOUNT), BAR, 2},
		1,
	};
	struct vfu_header request;
	struct rig r;

	open_remote(&r, 0);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, 0);
	rig_send(&r, &ring, sizeof(ring));
	CHECK_INT(recv(r.fd, &request, sizeof(request), MSG_WAITALL), ==, sizeof(request));
	CHECK_INT(request.command, ==, VFU_DMA_READ);
	CHECK_INT(rig_leave(&r), ==, -ECONNRESET);
	rig_close(&r);
}

TEST(memory_in_pages_in_any_order_is_one_ring)
{
	struct rig r;
	uint64_t i, at;

	rig_open(&r, NULL);
	CHECK_INT(rig_version(&r), >, 0);
	for (i = 0; i < PAGES; i++) {
		at = i * 101 % PAGES * PAGE;
		CHECK_INT(rig_map(&r, MEM_BASE + at, PAGE, RW, r.mem_fd, at), ==, 0);
	}
	rig_write(&r, CFG, 4, 6, 2);
	rig_arm(&r);
	memset(rig_at(&r, SRC), 0x5a, 100000);
	for (i = 0; i < 100; i++)
		rig_copy_desc(&r, (unsigned int)i, SRC + i * 1000, DST + i * 1000, 1000, 0);
	CHECK_INT(rig_ring(&r, 100), ==, IOAT_STATE_DONE);
	CHECK_MEM(rig_at(&r, DST), rig_at(&r, SRC), 100000);
	check_guard(&r, DST + 100000, MEM_BASE + MEM_SIZE);
	CHECK_INT(rig_unmap(&r, 0, 1ull << 32), ==, sizeof(struct vfu_dma_unmap));
	CHECK_INT(rig_unmap(&r, 0, 1ull << 32), ==, -ENOENT);
	rig_close(&r);
}

TEST(unmap_all_leaves_nothing)
{
	struct vfu_dma_unmap all = {sizeof(all), VFU_UNMAP_ALL, 0, 0};
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(rig_call(&r, VFU_DMA_UNMAP, &all, sizeof(all), NULL, 0), ==, sizeof(all));
	rig_arm(&r);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	rig_close(&r);
}

TEST(unmap_for_a_dirty_bitmap_is_not_supported_and_unmaps_nothing)
{
	struct {
		struct vfu_dma_unmap unmap;
		uint64_t bitmap[2];
	} dirty = {{sizeof(dirty), VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, MEM_BASE, MEM_SIZE},
	           {PAGE, MEM_SIZE / PAGE / 8}};
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(rig_call(&r, VFU_DMA_UNMAP, &dirty, sizeof(dirty), NULL, 0), ==, -ENOTSUP);
	dirty.unmap.flags = 0;
	CHECK_INT(rig_call(&r, VFU_DMA_UNMAP, &dirty, sizeof(dirty), NULL, 0), ==, -EINVAL);
	dirty.unmap.flags = VFU_UNMAP_ALL; /* all, and a range */
	CHECK_INT(rig_call(&r, VFU_DMA_UNMAP, &dirty, sizeof(dirty.unmap), NULL, 0), ==, -EINVAL);
	CHECK_INT(rig_unmap(&r, MEM_BASE, MEM_SIZE), ==, sizeof(dirty.unmap));
	rig_close(&r);
}

/* The ring stays, the destination goes while a megabyte is on its way there. */
TEST(range_that_goes_away_under_a_copy_ends_it_with_the_right_error)
{
	const uint64_t dst = 0x40000000, size = MEM_SIZE;
	struct vfu_func_conf conf = {.device = IOAT_MODEL_ICX, .bytes_per_second = 1000000};
	struct vfu_func_stats stats;
	uint64_t before, moved;
	enum ioat_state end;
	int i, wait, late = 0;
	struct rig r;

	rig_open_ready(&r, &conf);
	for (i = 0; i < 3; i++) {
		CHECK_INT(rig_map(&r, dst, size, RW, r.mem_fd, 0), ==, 0);
		memset(r.mem, 0, MEM_SIZE);
		rig_arm(&r);
		/* Onto itself: through another address, so that nothing is lost. */
		rig_copy_desc(&r, 0, MEM_BASE, dst, size, 0);
		vfu_func_stats(r.func, &stats);
		before = stats.count.bytes;
		rig_write(&r, BAR, CHAN(IOAT_DMACOUNT), 1, 2);
		for (wait = 0; stats.count.bytes == before && wait < 10 * RIG_WAIT_MS; wait++) {
			usleep(100);
			vfu_func_stats(r.func, &stats);
		}
		CHECK_INT(rig_unmap(&r, dst, size), ==, sizeof(struct vfu_dma_unmap));
		end = rig_ring(&r, 1);
		if (end == IOAT_STATE_DONE) { /* this thread had no processor for a second */
			CHECK_INT(late++, <, 60);
			i--;
			continue;
		}
		CHECK_INT(end, ==, IOAT_STATE_HALTED);
		CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANERR), 4), ==, CHANERR_DST_ADDR);
		vfu_func_stats(r.func, &stats);
		moved = stats.count.bytes - before;
		CHECK_INT(moved, >, 0); /* in the middle of the copy */
		CHECK_INT(moved, <, size);
	}
	rig_close(&r);
}

TEST(nothing_is_written_behind_an_unmap_that_was_answered)
{
	struct vfu_func_conf conf = {.device = IOAT_MODEL_ICX, .bytes_per_second = 100000000};
	const uint64_t dst = MEM_BASE + MEM_SIZE / 2, size = MEM_SIZE / 2;
	struct rig r;
	uint64_t i;

	rig_open(&r, &conf);
	CHECK_INT(rig_version(&r), >, 0);
	CHECK_INT(rig_map(&r, MEM_BASE, MEM_SIZE / 2, RW, r.mem_fd, 0), ==, 0);
	CHECK_INT(rig_map(&r, dst, size, RW, r.mem_fd, MEM_SIZE / 2), ==, 0);
	rig_write(&r, CFG, 4, 6, 2);
	memset(rig_at(&r, SRC), 0x5a, 0x60000);
	rig_arm(&r);
	for (i = 0; i < 64; i++)
		rig_copy_desc(&r, (unsigned int)i, SRC, dst, 0x60000, 0);
	rig_write(&r, BAR, CHAN(IOAT_DMACOUNT), 64, 2);
	usleep(3000);
	CHECK_INT(rig_unmap(&r, dst, size), >, 0);
	memset(rig_at(&r, dst), GUARD, size);
	CHECK_INT(rig_ring(&r, 64), ==, IOAT_STATE_HALTED);
	check_guard(&r, dst, dst + size);
	rig_close(&r);
}

TEST(truncated_file_under_the_ring_is_an_error_of_the_channel)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, 0);
	CHECK_INT(ftruncate(r.mem_fd, 0x8000), ==, 0);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANERR), 4), ==, CHANERR_READ_DATA);
	CHECK_INT(ftruncate(r.mem_fd, 0), ==, 0);
	rig_arm(&r);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	CHECK_INT(ftruncate(r.mem_fd, MEM_SIZE), ==, 0);
	rig_copy_desc(&r, 0, SRC, DST, 64, 0);
	rig_arm(&r);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	rig_close(&r);
}

TEST_MAIN("vfu_dma")
