/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <string.h>

#include <linux/pci_regs.h>

#include "fuzz_function.h"
#include "fuzz_grants.h"
#include "../fuzz_input.h"
#include "ioat_model_priv.h"

#define STYLES   4u
#define CHAN     IOAT_CHAN_BASE(0)
#define CFG_EXP  0x90u
#define CFG_PM   0xe0u
#define CFG_MSIX 0x80u

/* Where configuration space may change at all; all the rest says what the device is. */
static const struct {
	uint16_t offset;
	uint16_t size;
} cfg_variable[] = {
	{PCI_COMMAND, 4},
	{PCI_CACHE_LINE_SIZE, 1},
	{PCI_BASE_ADDRESS_0, 8},
	{PCI_INTERRUPT_LINE, 1},
	{0x60, 2}, /* device configuration */
	{CFG_MSIX + PCI_MSIX_FLAGS, 2},
	{CFG_EXP + PCI_EXP_DEVCTL, 2},
	{CFG_EXP + PCI_EXP_DEVCTL2, 2},
	{CFG_PM + PCI_PM_CTRL, 2},
	{IOAT_CFG_DMAUNCERRSTS, 12},
	{IOAT_CFG_CHANERR_INT, 13},
};

static uint32_t
cfg_read(const struct fuzz_function *f, uint32_t offset, size_t len)
{
	uint32_t value = 0;

	memcpy(&value, f->func->pci.cfg + offset, len);
	return value;
}

static uint64_t
reg_read(const struct fuzz_function *f, uint64_t offset, unsigned int width)
{
	return ioat_model_read(f->func->model, offset, width);
}

enum ioat_state
function_state(const struct fuzz_function *f)
{
	return (enum ioat_state)(reg_read(f, CHAN + IOAT_CHANSTS, 8) & CHANSTS_STATE);
}

static bool
function_is_awake(const struct fuzz_function *f)
{
	return (cfg_read(f, CFG_PM + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK) == 0;
}

bool
function_decodes(const struct fuzz_function *f)
{
	return function_is_awake(f) && cfg_read(f, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY;
}

static bool
function_may_dma(const struct fuzz_function *f)
{
	return function_is_awake(f) && cfg_read(f, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

/** Its engine ends; from now on the target's thread is the only one. */
static void
function_retire_engine(struct vfu_func *func)
{
	vfu_func_lock(func);
	func->stop = true;
	pthread_cond_signal(&func->work);
	vfu_func_unlock(func);
	FUZZ_CHECK(pthread_join(func->thread, NULL) == 0);
	func->has_thread = false;
}

struct fuzz_function *
function_get(unsigned int style)
{
	static struct fuzz_function functions[STYLES];
	static const struct vfu_func_conf confs[STYLES] = {
		{.device = IOAT_MODEL_ICX},
		{.device = IOAT_MODEL_SKX, .xfercap = XFERCAP_MIN},
		{.device = IOAT_MODEL_BDX, .function = 3, .multi_function = true},
		{
			.device = IOAT_MODEL_IVB,
			.function = 7,
			.multi_function = true,
			.latency_ns = 1000,
			.fault = {{{IOAT_MODEL_FAULT_CHANERR, CHANERR_READ_DATA, 2, 0}, true},
	                          {{IOAT_MODEL_FAULT_HALT, 0, 5, 0}, false},
	                          {{IOAT_MODEL_FAULT_RESET, 0, 0, 1}, false},
	                          {{IOAT_MODEL_FAULT_LATE_WRITE, 0, 0, 3}, false},
	                          {{IOAT_MODEL_FAULT_LOST_IRQ, 0, 0, 1}, false},
	                          {{IOAT_MODEL_FAULT_STUCK, 0, 0, 1}, false}},
			.faults = 6,
		},
	};
	struct fuzz_function *f = &functions[style % STYLES];

	if (f->func != NULL)
		return f;
	FUZZ_CHECK(vfu_func_create(&f->func, &confs[style % STYLES]) == 0);
	f->faulty = confs[style % STYLES].faults != 0;
	function_retire_engine(f->func);
	f->power_on = f->func->pci;
	return f;
}

void
function_begin(struct fuzz_function *f)
{
	vfu_func_stats(f->func, &f->stats);
	f->chanerr = reg_read(f, CHAN + IOAT_CHANERR, 4);
	grants_allow(function_may_dma(f));
}

/** Counters only rise, also over resets, and errors and their bits belong together. */
static void
check_counters(struct fuzz_function *f, const struct vfu_func_stats *now)
{
	const struct ioat_model_counters *was = &f->stats.count, *is = &now->count;
	uint64_t fresh = reg_read(f, CHAN + IOAT_CHANERR, 4) & ~f->chanerr;
	unsigned int bits = (unsigned int)__builtin_popcountll(fresh);

	FUZZ_CHECK(is->doorbells >= was->doorbells);
	FUZZ_CHECK(is->descriptors >= was->descriptors);
	FUZZ_CHECK(is->completions >= was->completions);
	FUZZ_CHECK(is->bytes >= was->bytes);
	FUZZ_CHECK(is->interrupts >= was->interrupts);
	FUZZ_CHECK(is->errors >= was->errors);
	FUZZ_CHECK(now->events >= f->stats.events);
	FUZZ_CHECK((fresh & ~(uint64_t)CHANERR_ALL) == 0);
	if (!f->faulty)
		FUZZ_CHECK(bits <= is->errors - was->errors);
	FUZZ_CHECK((fresh & ~(uint64_t)cfg_read(f, IOAT_CFG_CHANERR_INT, 4)) == 0);
}

static void
check_constants(const struct fuzz_function *f)
{
	uint8_t cfg[VFU_CFG_SIZE];
	size_t i;

	memcpy(cfg, f->func->pci.cfg, sizeof(cfg));
	for (i = 0; i < sizeof(cfg_variable) / sizeof(cfg_variable[0]); i++) {
		memcpy(cfg + cfg_variable[i].offset, f->power_on.cfg + cfg_variable[i].offset,
		       cfg_variable[i].size);
	}
	FUZZ_CHECK(memcmp(cfg, f->power_on.cfg, sizeof(cfg)) == 0);
	FUZZ_CHECK((cfg_read(f, PCI_BASE_ADDRESS_0, 4) & (IOAT_BAR_SIZE - 1)) ==
	           PCI_BASE_ADDRESS_MEM_TYPE_64);
	FUZZ_CHECK((cfg_read(f, PCI_STATUS, 2) & ~PCI_STATUS_INTERRUPT) == PCI_STATUS_CAP_LIST);
	FUZZ_CHECK(!(cfg_read(f, CFG_EXP + PCI_EXP_DEVCTL, 2) & PCI_EXP_DEVCTL_BCR_FLR));
}

void
function_end(struct fuzz_function *f)
{
	struct vfu_func_stats now;
	uint64_t moved;

	vfu_func_stats(f->func, &now);
	FUZZ_CHECK(function_state(f) <= IOAT_STATE_ARMED);
	FUZZ_CHECK(((cfg_read(f, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT) != 0) ==
	           ioat_model_intx_level(f->func->model));
	check_counters(f, &now);
	check_constants(f);
	moved = now.count.bytes - f->stats.count.bytes;
	/* A failing access may have stored a part: what a bounce buffer holds, or half a word. */
	grants_check(moved + 8 * (now.count.completions - f->stats.count.completions) +
	             (MODEL_CHUNK + 8) * (now.count.errors - f->stats.count.errors));
}

void
function_check_power_on(const struct fuzz_function *f)
{
	const struct vfu_pci *is = &f->func->pci, *was = &f->power_on;
	const struct vfu_irqs *irqs = &f->func->irqs;
	unsigned int i;

	FUZZ_CHECK(reg_read(f, CHAN + IOAT_CHANSTS, 8) == IOAT_STATE_HALTED);
	FUZZ_CHECK(reg_read(f, CHAN + IOAT_CHANERR, 4) == 0);
	FUZZ_CHECK(reg_read(f, CHAN + IOAT_CHANERRMASK, 4) == 0);
	FUZZ_CHECK(reg_read(f, CHAN + IOAT_CHAINADDR, 8) == 0);
	FUZZ_CHECK(reg_read(f, CHAN + IOAT_CHANCMP, 8) == 0);
	FUZZ_CHECK(reg_read(f, CHAN + IOAT_DMACOUNT, 2) == 0);
	FUZZ_CHECK(reg_read(f, IOAT_INTRDELAY, 2) == INTRDELAY_COALESCE);
	FUZZ_CHECK(!ioat_model_intx_level(f->func->model));
	FUZZ_CHECK(!ioat_model_busy(f->func->model, 0));
	FUZZ_CHECK(memcmp(is->cfg, was->cfg, sizeof(is->cfg)) == 0);
	FUZZ_CHECK(memcmp(is->msix_table, was->msix_table, sizeof(is->msix_table)) == 0);
	FUZZ_CHECK(!is->msix_table_used && !is->msix_pending && !is->reset_asked);
	FUZZ_CHECK(is->chanerr_seen == 0);
	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		FUZZ_CHECK(!irqs->irq[i].masked && !irqs->irq[i].waiting);
}

bool
function_step(struct fuzz_function *f, size_t budget)
{
	bool busy = ioat_model_busy(f->func->model, 0);
	uint64_t bytes;
	size_t cost;

	function_begin(f);
	bytes = f->stats.count.bytes;
	vfu_func_lock(f->func);
	cost = ioat_model_step(f->func->model, 0, budget);
	vfu_pci_sync(&f->func->pci);
	vfu_func_unlock(f->func);
	function_end(f);
	FUZZ_CHECK(cost <= budget + MODEL_CHUNK + MODEL_DESC_COST);
	FUZZ_CHECK((cost != 0) == (busy && budget != 0));
	vfu_func_stats(f->func, &f->stats);
	FUZZ_CHECK(f->stats.count.bytes - bytes <= cost);
	return cost != 0;
}

void
function_advance(struct fuzz_function *f, uint32_t usec)
{
	function_begin(f);
	vfu_func_lock(f->func);
	ioat_model_advance(f->func->model, usec);
	vfu_pci_sync(&f->func->pci);
	vfu_func_unlock(f->func);
	function_end(f);
}
