/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_MODEL_H
#define IOAT_MODEL_H

/**
 * @file
 * The chip in software: one PCI function of Intel I/OAT v3 with its register space (BAR0).
 *
 * The model owns no thread, clock, file or socket. Its caller reads and writes registers, lets
 * it work with ioat_model_step(), and grants it memory through struct ioat_model_host.
 *
 * Threads: calls on one model must not overlap; the caller serialises them. Different models
 * share nothing. Host callbacks run inside the call that caused them and must not call back
 * into the same model.
 *
 * Everything that comes from outside (register writes, descriptors, addresses) is untrusted: it
 * can set error bits and halt a channel, never make the model crash, loop without bound or
 * touch memory that the host did not grant.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One PCI function. */
struct ioat_model;

/** The parts that the model can be (doc/hardware.md, Identity). */
enum ioat_model_device {
	IOAT_MODEL_ICX, /**< Ice Lake-SP, 8086:0b00, CBVER 0x34 */
	IOAT_MODEL_SKX, /**< Skylake-SP, 8086:2021, CBVER 0x33 */
	IOAT_MODEL_BDX, /**< Broadwell-EP, 8086:6f20, CBVER 0x32 */
	IOAT_MODEL_IVB, /**< Ivy Bridge-EP, 8086:0e20, CBVER 0x32 */
};

/** What distinguishes one part from another. */
struct ioat_model_identity {
	const char *name; /**< "icx", "skx", "bdx", "ivb" */
	uint16_t pci_device;
	uint8_t cbver;
	uint8_t xfercap; /**< log2 of the bytes per descriptor */
	uint32_t dmacap;
};

/** Rights of a mapping, a set of bits. */
enum ioat_model_rights {
	IOAT_MODEL_READ = 1,
	IOAT_MODEL_WRITE = 2,
};

/**
 * What the model asks of the machine around it. All addresses are bus addresses; @c addr + @c len
 * never wraps. dma_read, dma_write and dma_write64 are mandatory, map and irq may be NULL.
 */
struct ioat_model_host {
	/**
	 * Copy @p len bytes at @p addr into @p buf.
	 * @return 0; -EIO: granted, but the data is bad (CHANERR bit 8, read data); any other
	 * negative errno: not granted (the address bit of what was being read).
	 */
	int (*dma_read)(void *ctx, uint64_t addr, void *buf, size_t len);
	/**
	 * Copy @p len bytes from @p buf to @p addr.
	 * @return 0; -EIO: granted, but not stored (CHANERR bit 9, write data); any other
	 * negative errno: not granted (CHANERR bit 1, destination address).
	 */
	int (*dma_write)(void *ctx, uint64_t addr, const void *buf, size_t len);
	/**
	 * Store one 8-byte word (a completion) in one piece, after all earlier stores are visible
	 * (release order). @p addr is 8-byte aligned. @return 0; negative errno: not granted.
	 */
	int (*dma_write64)(void *ctx, uint64_t addr, uint64_t value);
	/**
	 * The fast way: a pointer to the memory at @p addr with all of @p rights (enum
	 * ioat_model_rights), and in @p len, on input the bytes wanted, on output how many of
	 * them are contiguous there (at least 1). Valid until the call into the model returns.
	 * The model may ask for more than it will touch, so grant the part that exists.
	 * NULL: no direct access; the model falls back to dma_read and dma_write, which decide.
	 */
	void *(*map)(void *ctx, uint64_t addr, size_t *len, unsigned int rights);
	/**
	 * An interrupt of channel @p chan: an MSI-X message to send, or (MSI-X off) its bit in
	 * ATTNSTATUS was set. The INTx level also moves with accesses to INTRCTRL, ATTNSTATUS and
	 * CHANCTRL: ask ioat_model_intx_level() after each call into the model.
	 */
	void (*irq)(void *ctx, unsigned int chan);
	void *ctx;
};

/**
 * Whether a halt by error is written to CHANCMP. Which of them silicon does is not public; drivers
 * expect different things (doc/hardware.md, Halt word).
 */
enum ioat_model_halt_word {
	IOAT_MODEL_HALT_WORD_ALWAYS, /**< if CHANCTRL asks for it, or CHANCMP is not 0 */
	IOAT_MODEL_HALT_WORD_ASKED,  /**< if CHANCTRL asks for it (ERR_COMPLETION_EN) */
	IOAT_MODEL_HALT_WORD_NEVER,  /**< not even then: the worst for a driver */
};

/** How a model is made. Zeroed fields take the default. */
struct ioat_model_conf {
	enum ioat_model_device device;
	unsigned int channels; /**< 1 to IOAT_CHAN_MAX; 0: 1, as on silicon */
	unsigned int xfercap;  /**< XFERCAP_MIN to XFERCAP_MAX; 0: the part's own */
	bool no_fill;          /**< without block fill: not in DMACAPABILITY, a bad operation */
	enum ioat_model_halt_word halt_word;
	struct ioat_model_host host;
};

/** Counters of one channel since creation or ioat_model_reset(). */
struct ioat_model_counters {
	uint64_t doorbells;   /**< DMACOUNT writes */
	uint64_t descriptors; /**< completed, NULL descriptors included */
	uint64_t completions; /**< completion words written */
	uint64_t bytes;       /**< moved or filled */
	uint64_t interrupts;  /**< delivered to the host */
	uint64_t errors;      /**< errors recorded, injected ones and spurious halts included */
};

/** What ioat_model_inject() can do, once each, to a channel. */
enum ioat_model_fault_kind {
	IOAT_MODEL_FAULT_CHANERR, /**< @c chanerr is raised by descriptor number @c after */
	IOAT_MODEL_FAULT_HALT,    /**< spurious: halted with CHANERR 0 at descriptor @c after */
	IOAT_MODEL_FAULT_RESET,   /**< the next @c count RESETs are refused: bit 5 stays set */
	/**
	 * The next completion write is held back for @c count steps of its channel. It is made
	 * where CHANCMP pointed at the time, even if the channel was reset in between: that is
	 * the misbehaviour it exists for. Only ioat_model_reset() drops it.
	 */
	IOAT_MODEL_FAULT_LATE_WRITE,
	IOAT_MODEL_FAULT_LOST_IRQ, /**< the next @c count interrupts are not delivered */
	/** A halted channel stays HALTED after a CHAINADDR write, @c count times. */
	IOAT_MODEL_FAULT_STUCK,
};

/** One fault to inject. */
struct ioat_model_fault {
	enum ioat_model_fault_kind kind;
	uint32_t chanerr; /**< CHANERR bits to set, not 0 (FAULT_CHANERR) */
	uint32_t after;   /**< descriptors that still complete first (FAULT_CHANERR, FAULT_HALT) */
	uint32_t count;   /**< how often, or how long, not 0, as said at the kind */
};

/**
 * The identity of a part.
 * @return its table entry, static; NULL if @p device is no enum ioat_model_device.
 */
const struct ioat_model_identity *ioat_model_identity(enum ioat_model_device device);

/**
 * Find a part by its short name.
 * @return 0 and the part in @p device; -ENOENT.
 */
int ioat_model_device_by_name(const char *name, enum ioat_model_device *device);

/**
 * Find a rule for halts by its name: "always", "asked", "never".
 * @return 0 and the rule in @p halt_word; -ENOENT.
 */
int ioat_model_halt_word_by_name(const char *name, enum ioat_model_halt_word *halt_word);

/**
 * Make a model in its power-on state.
 * @return 0 and the model in @p out, to be given to ioat_model_destroy(); -EINVAL: a field of
 * @p conf is out of range or a mandatory callback is missing; -ENOMEM.
 */
int ioat_model_create(struct ioat_model **out, const struct ioat_model_conf *conf);

/** Free a model; NULL is allowed. */
void ioat_model_destroy(struct ioat_model *model);

/**
 * Function-level reset: as after creation, with MSI-X delivery on; faults and counters are
 * cleared too.
 */
void ioat_model_reset(struct ioat_model *model);

/**
 * Read @p width (1, 2, 4, 8) bytes of BAR0 at @p offset, with the register's side effect.
 * @return the value, zero-extended; 0 in reserved space, beyond the BAR and for a bad width.
 */
uint64_t ioat_model_read(struct ioat_model *model, uint64_t offset, unsigned int width);

/**
 * Write @p width (1, 2, 4, 8) bytes of BAR0 at @p offset. What the write causes is visible to
 * the next read, a SUSPEND included: it finishes the descriptor in flight first, if no more than
 * 4 MiB of it are left (no part's own XFERCAP is larger); otherwise the channel stays ACTIVE until
 * ioat_model_step() has finished it. An access may cover part of a register or several of them;
 * each is then served in ascending order, with only the bytes that were accessed.
 * Ignored in reserved space, beyond the BAR and for a bad width.
 */
void ioat_model_write(struct ioat_model *model, uint64_t offset, unsigned int width,
                      uint64_t value);

/**
 * Let channel @p chan work. A descriptor costs 64 plus its bytes; work stops once @p budget is
 * used up, also in the middle of a descriptor (the next step goes on there). A failing
 * copy, and waiting out an injected late completion write, cost 64 too.
 * @return the cost of what was done; 0: nothing to do, no such channel, or @p budget 0. At most
 * @p budget + 4096 + 64.
 */
size_t ioat_model_step(struct ioat_model *model, unsigned int chan, size_t budget);

/** Whether ioat_model_step() would find work on channel @p chan. */
bool ioat_model_busy(const struct ioat_model *model, unsigned int chan);

/**
 * Deliver interrupts by MSI-X (the default, @p enabled true) or by ATTNSTATUS and INTRCTRL.
 */
void ioat_model_set_msix(struct ioat_model *model, bool enabled);

/**
 * Keep the CHANERR @p bits from interrupting in all channels, as CHANERRMSK_INT of configuration
 * space does, beside what CHANERRMASK of each channel masks. 0, the default, masks none.
 */
void ioat_model_mask_errors(struct ioat_model *model, uint32_t bits);

/** Whether INTRCTRL and ATTNSTATUS ask for the INTx level to be high. */
bool ioat_model_intx_level(const struct ioat_model *model);

/**
 * How long INTRDELAY holds back the next interrupt that is due.
 * @return microseconds for ioat_model_advance(); 0: none is held back.
 */
uint32_t ioat_model_delay(const struct ioat_model *model);

/** Let @p usec microseconds pass for interrupts that INTRDELAY holds back. */
void ioat_model_advance(struct ioat_model *model, uint32_t usec);

/**
 * Arm a fault on channel @p chan; several can be armed, one of each kind: arming a kind again
 * replaces it. The RESET command leaves faults armed; ioat_model_reset() disarms them.
 * @return 0; -EINVAL: no such channel or kind, CHANERR bits 0 or outside CHANERR_ALL, or count 0
 * for a kind that counts.
 */
int ioat_model_inject(struct ioat_model *model, unsigned int chan,
                      const struct ioat_model_fault *fault);

/** Copy the counters of channel @p chan; zeroes if there is no such channel. */
void ioat_model_counters(const struct ioat_model *model, unsigned int chan,
                         struct ioat_model_counters *out);

#endif /* IOAT_MODEL_H */
