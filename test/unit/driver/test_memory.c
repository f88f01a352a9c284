/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Where the ring's memory comes from, and when it goes. The linker leads the driver's calls of
 * rte_memzone_reserve_aligned() and rte_memzone_free() here (-Wl,--wrap), so that nodes can be
 * without memory.
 */

#include <errno.h>
#include <inttypes.h>

#include "eal.h"
#include "test.h"

#include <rte_bus_vdev.h>
#include <rte_malloc.h>

#include "ioat_defer.h"
#include "ioat_priv.h"

#define NAME "dma_ioat_emu_m"
#define SIZE 1024u

static struct {
	int calls;
	int refuse;   /* so many calls find no memory */
	bool no_iova; /* what is found has no address for the device */
	int node[2];
	unsigned int flags;
	unsigned int align;
} seen;

const struct rte_memzone *__real_rte_memzone_reserve_aligned(const char *name, size_t len, int node,
                                                             unsigned int flags,
                                                             unsigned int align);
const struct rte_memzone *__wrap_rte_memzone_reserve_aligned(const char *name, size_t len, int node,
                                                             unsigned int flags,
                                                             unsigned int align);

const struct rte_memzone *
__wrap_rte_memzone_reserve_aligned(const char *name, size_t len, int node, unsigned int flags,
                                   unsigned int align)
{
	const struct rte_memzone *mz;

	seen.node[seen.calls++ % 2] = node;
	seen.flags = flags;
	seen.align = align;
	if (seen.refuse > 0) {
		seen.refuse--;
		rte_errno = ENOMEM;
		return NULL;
	}
	mz = __real_rte_memzone_reserve_aligned(name, len, SOCKET_ID_ANY, flags, align);
	if (seen.no_iova && mz != NULL)
		((struct rte_memzone *)(uintptr_t)mz)->iova = RTE_BAD_IOVA;
	return mz;
}

/* What the channel still says of a ring when that is freed; 0: nothing frees its present one. */
static struct {
	int16_t id;
	int frees;
	int dangling;
} gone = {.id = -1};

int __real_rte_memzone_free(const struct rte_memzone *mz);
int __wrap_rte_memzone_free(const struct rte_memzone *mz);

int
__wrap_rte_memzone_free(const struct rte_memzone *mz)
{
	char iova[32], *text = NULL;
	size_t len = 0;
	FILE *f;

	if (gone.id >= 0 && mz != NULL && strncmp(mz->name, "ioat_ring_", 10) == 0) {
		/* As another thread may ask at this very moment. */
		f = open_memstream(&text, &len);
		rte_dma_dump(gone.id, f);
		fclose(f);
		snprintf(iova, sizeof(iova), "0x%" PRIx64, (uint64_t)mz->iova);
		gone.frees++;
		gone.dangling += strstr(text, iova) != NULL;
		free(text);
	}
	return __real_rte_memzone_free(mz);
}

static int
set_up(int16_t id, uint16_t nb_desc)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = nb_desc};

	return rte_dma_vchan_setup(id, 0, &vchan);
}

static int16_t
open_device(void)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	int16_t id;

	CHECK_INT(rte_vdev_init(NAME, "inline"), ==, 0);
	id = (int16_t)rte_dma_get_dev_id_by_name(NAME);
	CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
	memset(&seen, 0, sizeof(seen));
	return id;
}

static void
check_copy(int16_t id)
{
	uint8_t *mem = rte_malloc(NULL, 2 * SIZE, 0);

	memset(mem, 0x5c, SIZE);
	memset(mem + SIZE, 0, SIZE);
	CHECK_INT(rte_dma_start(id), ==, 0);
	CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)mem, (uintptr_t)mem + SIZE, SIZE,
	                       RTE_DMA_OP_FLAG_SUBMIT),
	          ==, 0);
	CHECK_INT(rte_dma_completed(id, 0, 1, NULL, NULL), ==, 1);
	CHECK_MEM(mem, mem + SIZE, SIZE);
	CHECK_INT(rte_dma_stop(id), ==, 0);
	rte_free(mem);
}

TEST(ring_is_asked_for_on_the_node_of_the_device_contiguous_and_aligned)
{
	int16_t id = open_device();
	struct ioat_chan *ch = rte_dma_fp_objs[id].dev_private;
	struct rte_dma_info info;

	CHECK_INT(rte_dma_info_get(id, &info), ==, 0);
	CHECK_INT(set_up(id, 1024), ==, 0);
	CHECK_INT(seen.calls, ==, 1);
	CHECK_INT(seen.node[0], ==, info.numa_node);
	CHECK_INT(seen.flags & RTE_MEMZONE_IOVA_CONTIG, !=, 0);
	CHECK_INT(seen.align, ==, IOAT_DESC_ALIGN);
	/* The completion word lies in the same zone, so on the same node. */
	CHECK_INT(ch->status_iova, >, ch->ring_iova);
	CHECK_INT(ch->status_iova, <, ch->mz->iova + ch->mz->len);
	check_copy(id);
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
}

TEST(set_up_without_memory_is_enomem_and_the_old_ring_goes_on)
{
	int16_t id = open_device();

	CHECK_INT(set_up(id, 64), ==, 0);
	check_copy(id);
	seen.refuse = 2;
	CHECK_INT(set_up(id, 4096), ==, -ENOMEM);
	seen.refuse = 0;
	CHECK_INT(rte_dma_burst_capacity(id, 0), ==, 63);
	check_copy(id);
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
}

TEST(memory_kept_for_late_calls_is_given_up_where_a_ring_needs_it)
{
	int16_t id = open_device();

	CHECK_INT(set_up(id, 64), ==, 0);
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
	id = open_device();
	CHECK_INT(set_up(id, 64), ==, 0);
	memset(&seen, 0, sizeof(seen));
	seen.refuse = 1;
	CHECK_INT(set_up(id, 4096), ==, 0);
	CHECK_INT(seen.calls, ==, 2);
	CHECK(!ioat_defer_reclaim());
	check_copy(id);
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
}

TEST(memory_that_has_no_iova_is_refused_and_given_back)
{
	struct rte_malloc_socket_stats before, after;
	int16_t id = open_device();

	CHECK_INT(set_up(id, 64), ==, 0);
	CHECK_INT(rte_malloc_get_socket_stats(0, &before), ==, 0);
	seen.no_iova = true;
	CHECK_INT(set_up(id, 4096), ==, -ENOMEM);
	seen.no_iova = false;
	CHECK_INT(rte_malloc_get_socket_stats(0, &after), ==, 0);
	CHECK_INT(after.heap_allocsz_bytes, ==, before.heap_allocsz_bytes);
	CHECK_INT(rte_dma_burst_capacity(id, 0), ==, 63);
	check_copy(id);
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
}

TEST(ring_has_the_next_power_of_two_of_slots_and_uses_all_but_one)
{
	static const struct {
		uint16_t asked, slots_used;
	} row[] = {{64, 63},     {65, 127},    {128, 127},     {1000, 1023},
	           {4096, 4095}, {8191, 8191}, {16385, 32767}, {32768, 32767}};
	int16_t id = open_device();
	size_t i;

	for (i = 0; i < RTE_DIM(row); i++) {
		CHECK_INT(set_up(id, row[i].asked), ==, 0);
		CHECK_INT(rte_dma_burst_capacity(id, 0), ==, row[i].slots_used);
	}
	CHECK_INT(set_up(id, 63), ==, -EINVAL);
	CHECK_INT(set_up(id, 32769), ==, -EINVAL);
	CHECK_INT(set_up(id, 65535), ==, -EINVAL);
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
}

TEST(set_up_can_be_repeated_with_every_size_and_leaves_no_memory_behind)
{
	struct rte_malloc_socket_stats before, after;
	int16_t id = open_device();
	int round;
	uint32_t n;

	CHECK_INT(set_up(id, 64), ==, 0);
	CHECK_INT(rte_malloc_get_socket_stats(0, &before), ==, 0);
	for (round = 0; round < 20; round++) {
		for (n = 64; n <= 32768; n = n * 2 + 7) {
			CHECK_INT(set_up(id, (uint16_t)n), ==, 0);
			check_copy(id);
		}
	}
	CHECK_INT(set_up(id, 64), ==, 0);
	CHECK_INT(rte_malloc_get_socket_stats(0, &after), ==, 0);
	CHECK_INT(after.heap_allocsz_bytes, ==, before.heap_allocsz_bytes);
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
}

TEST(dump_shows_no_ring_that_is_being_freed)
{
	int16_t id = open_device();

	CHECK_INT(set_up(id, 64), ==, 0);
	(void)ioat_defer_reclaim(); /* rings of the tests before */
	gone.id = id;
	CHECK_INT(set_up(id, 128), ==, 0);
	CHECK_INT(gone.frees, ==, 1);
	CHECK_INT(gone.dangling, ==, 0);
	CHECK_INT(rte_dma_close(id), ==, 0);
	CHECK_INT(gone.frees, ==, 1);
	CHECK(ioat_defer_reclaim());
	gone.id = -1;
	CHECK_INT(gone.frees, ==, 2);
	CHECK_INT(gone.dangling, ==, 0);
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
}

TEST_LIST

int
main(void)
{
	return eal_test_main("--no-huge -m 64 --no-pci --no-shconf -l 0 --no-telemetry",
	                     "driver_memory");
}
