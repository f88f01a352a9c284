/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Addresses. A device without SVA stands behind an IOMMU that knows EAL's memory and registered
 * external memory; anything else is an error status of the operation, never a crash and never a
 * byte moved. A device with SVA reaches all memory of the process.
 */

#include <errno.h>
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_memory.h>
#include <rte_vfio.h>

#include "contract.h"

#define LEN 512

enum side {
	SIDE_SRC,
	SIDE_DST
};

static void
iommu_up(void)
{
	if ((dev_info.dev_capa & RTE_DMA_CAPA_SVA) != 0)
		SKIP("the device has SVA: it reaches all memory");
	need_capa(RTE_DMA_CAPA_HANDLES_ERRORS, "the device does not report errors");
	if (rte_eal_iova_mode() != RTE_IOVA_VA)
		SKIP("virtual addresses are only bus addresses with IOVA as VA");
	dev_up(RING_DEFAULT);
}

static bool
status_fits(enum rte_dma_status_code status, enum side side)
{
	switch (status) {
	case RTE_DMA_STATUS_INVALID_ADDR:
	case RTE_DMA_STATUS_PAGE_FAULT:
		return true;
	case RTE_DMA_STATUS_INVALID_SRC_ADDR:
	case RTE_DMA_STATUS_BUS_READ_ERROR:
		return side == SIDE_SRC;
	case RTE_DMA_STATUS_INVALID_DST_ADDR:
	case RTE_DMA_STATUS_BUS_WRITE_ERROR:
		return side == SIDE_DST;
	default:
		return false;
	}
}

/* Run one copy. @return its status. */
static enum rte_dma_status_code
run_copy(uint64_t from, uint64_t to, uint32_t len)
{
	const uint64_t deadline = deadline_set();
	enum rte_dma_status_code status;
	int id = rte_dma_copy(dev, 0, from, to, len, RTE_DMA_OP_FLAG_SUBMIT);
	uint16_t idx;

	CHECK_INT(id, >=, 0);
	while (rte_dma_completed_status(dev, 0, 1, &idx, &status) == 0)
		deadline_check(deadline, "completion");
	CHECK_INT(idx, ==, id);
	return status;
}

/* Use @p addr as source and as destination; each must fail on that side, and good ones go on. */
static void
addr_is_refused(uint64_t addr, uint32_t len)
{
	enum rte_dma_status_code status;

	scramble(src.va, len);
	memset(dst.va, 0x5a, len);
	status = run_copy(addr, dst.iova, len);
	if (!status_fits(status, SIDE_SRC)) {
		print_error("source 0x%llx: status %d\n", (unsigned long long)addr, status);
		fail();
	}
	for (uint32_t i = 0; i < len; i++)
		CHECK_INT(dst.va[i], ==, 0x5a);
	status = run_copy(src.iova, addr, len);
	if (!status_fits(status, SIDE_DST)) {
		print_error("destination 0x%llx: status %d\n", (unsigned long long)addr, status);
		fail();
	}
	CHECK_INT(run_copy(src.iova, dst.iova, len), ==, RTE_DMA_STATUS_SUCCESSFUL);
	CHECK_MEM(src.va, dst.va, len);
}

TEST(address_zero_is_an_address_error)
{
	iommu_up();
	addr_is_refused(0, LEN);
}

TEST(libc_heap_is_an_address_error_and_stays_untouched)
{
	uint8_t *heap, zero[LEN] = {0};

	iommu_up(); /* may skip the test */
	heap = calloc(1, LEN);
	assert_non_null(heap);
	addr_is_refused((uintptr_t)heap, LEN);
	CHECK_MEM(heap, zero, LEN);
	free(heap);
}

TEST(stack_is_an_address_error_and_stays_untouched)
{
	uint8_t stack[LEN] = {0}, zero[LEN] = {0};

	iommu_up();
	addr_is_refused((uintptr_t)stack, LEN);
	CHECK_MEM(stack, zero, LEN);
}

TEST(unmapped_memory_is_an_address_error)
{
	void *p = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	iommu_up();
	addr_is_refused((uintptr_t)p, LEN);
	munmap(p, 65536);
	addr_is_refused((uintptr_t)p, LEN);
}

TEST(addresses_at_the_ends_of_the_address_space_are_address_errors)
{
	static const uint64_t addr[] = {
		1,
		0x00007ffffffff000,
		0x0000800000000000,
		0xffff800000000000,
		UINT64_MAX - LEN + 1,
		UINT64_MAX - 7,
		UINT64_MAX,
	};

	iommu_up();
	for (size_t i = 0; i < RTE_DIM(addr); i++)
		addr_is_refused(addr[i], LEN);
}

/* Start and end of the EAL memory around the test's areas, without holes in between. */
static uintptr_t
segment_end(void)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(src.va);
	uintptr_t end = (uintptr_t)src.va;

	assert_non_null(list);
	while (rte_mem_virt2memseg((void *)end, list) != NULL) {
		end += list->page_sz;
		if (end >= (uintptr_t)list->base_va + list->len)
			break;
	}
	return RTE_ALIGN_FLOOR(end, list->page_sz);
}

TEST(range_that_runs_out_of_eal_memory_is_an_address_error)
{
	uintptr_t end;

	iommu_up();
	end = segment_end();
	if (rte_mem_virt2memseg_list((void *)end) != NULL &&
	    rte_mem_virt2memseg((void *)end, NULL) != NULL)
		SKIP("other EAL memory follows at once");
	/* As a source: as a destination it might be written in part, over the heap of EAL. */
	memset(dst.va, 0x5a, LEN);
	CHECK(status_fits(run_copy(end - LEN + 1, dst.iova, LEN), SIDE_SRC));
	CHECK(status_fits(run_copy(end, dst.iova, 1), SIDE_SRC));
	CHECK_INT(run_copy(end - LEN, dst.iova, LEN), ==, RTE_DMA_STATUS_SUCCESSFUL);
}

TEST(registered_external_memory_is_reached_until_it_is_unregistered)
{
	const size_t size = 2u << 20, page = 4096;
	rte_iova_t iova[512];
	uint8_t *ext;

	iommu_up();
	ext = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
	           -1, 0);
	CHECK(ext != MAP_FAILED);
	addr_is_refused((uintptr_t)ext, LEN);
	for (size_t i = 0; i < RTE_DIM(iova); i++)
		iova[i] = (uintptr_t)ext + i * page;
	CHECK_INT(rte_extmem_register(ext, size, iova, RTE_DIM(iova), page), ==, 0);
	/* Hardware behind VFIO needs the mapping too; without VFIO it fails, and nobody cares. */
	(void)rte_vfio_container_dma_map(RTE_VFIO_DEFAULT_CONTAINER_FD, (uintptr_t)ext,
	                                 (uintptr_t)ext, size);
	scramble(src.va, 3 * page);
	CHECK_INT(run_copy(src.iova, (uintptr_t)ext + 100, 3 * page), ==,
	          RTE_DMA_STATUS_SUCCESSFUL);
	CHECK_MEM(ext + 100, src.va, 3 * page);
	CHECK_INT(run_copy((uintptr_t)ext + 100, dst.iova, 3 * page), ==,
	          RTE_DMA_STATUS_SUCCESSFUL);
	CHECK_MEM(dst.va, src.va, 3 * page);
	(void)rte_vfio_container_dma_unmap(RTE_VFIO_DEFAULT_CONTAINER_FD, (uintptr_t)ext,
	                                   (uintptr_t)ext, size);
	CHECK_INT(rte_extmem_unregister(ext, size), ==, 0);
	addr_is_refused((uintptr_t)ext, LEN);
	munmap(ext, size);
	addr_is_refused((uintptr_t)ext, LEN);
}

TEST(sva_device_copies_libc_heap_and_stack)
{
	uint8_t *heap, stack[LEN];

	need_capa(RTE_DMA_CAPA_SVA, "the device has no SVA");
	dev_up(RING_DEFAULT);
	heap = malloc(LEN);
	assert_non_null(heap);
	scramble(heap, LEN);
	memset(stack, 0, LEN);
	CHECK_INT(run_copy((uintptr_t)heap, (uintptr_t)stack, LEN), ==, RTE_DMA_STATUS_SUCCESSFUL);
	CHECK_MEM(heap, stack, LEN);
	free(heap);
}
