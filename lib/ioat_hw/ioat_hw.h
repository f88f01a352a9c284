/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_HW_H
#define IOAT_HW_H

/**
 * @file
 * The chip on paper: registers, fields, states, descriptors and error bits of Intel I/OAT
 * (QuickData, CBDMA) version 3. Only facts; the public sections they come from are listed
 * in doc/hardware.md. All registers and descriptors are little-endian.
 */

#include <assert.h>
#include <stdint.h>

/* clang-format off */

/* ---- PCI identity (doc/hardware.md, Identity) ---- */
#define IOAT_PCI_VENDOR_INTEL   0x8086u
#define IOAT_PCI_CLASS          0x088000u
#define IOAT_BAR_SIZE           0x4000u   /* 16 KiB, 64-bit memory */
#define IOAT_CFG_CHANERR_INT    0x180u    /* config space, 32 bit, W1C, bits as CHANERR */
#define IOAT_CFG_DMAUNCERRSTS   0x148u    /* config space, 32 bit, W1C */
#define IOAT_MSIX_TABLE         0x2000u   /* in BAR0; owned by the PCI side, not by the channel */
#define IOAT_MSIX_PBA           0x3000u

#define IOAT_DEV_SKX            0x2021u   /* Skylake-SP, Cascade Lake-SP: one id for all */
#define IOAT_DEV_ICX            0x0b00u   /* Ice Lake-SP: one id for all functions */
#define IOAT_DEV_IVB0           0x0e20u   /* first of IVB0-7; 0e2e and 0e2f are the RAID views */
#define IOAT_DEV_BDX0           0x6f20u   /* first of BDX0-7; 6f2e and 6f2f are the RAID views */

/* ---- general registers (doc/hardware.md, General registers) ---- */
#define IOAT_CHANCNT            0x00u     /*  8 bit, read-only */
#define   CHANCNT_MASK            0x1fu
#define IOAT_XFERCAP            0x01u     /*  8 bit, read-only: log2 of the bytes per descriptor */
#define   XFERCAP_MASK            0x1fu
#define   XFERCAP_MIN             12u
#define   XFERCAP_MAX             30u
#define IOAT_GENCTRL            0x02u     /*  8 bit */
#define   GENCTRL_DEBUG_EN        0x01u
#define IOAT_INTRCTRL           0x03u     /*  8 bit; a read clears MASTER_INT_EN */
#define   INTRCTRL_MASTER_INT_EN  0x01u
#define   INTRCTRL_INT_STATUS     0x02u
#define   INTRCTRL_INT            0x04u
#define   INTRCTRL_MSIX_VECTOR    0x08u
#define IOAT_ATTNSTATUS         0x04u     /* 32 bit, read-only: bit n = channel n */
#define IOAT_CBVER              0x08u     /*  8 bit, read-only: major << 4 | minor */
#define   CBVER_3_0               0x30u
#define   CBVER_3_2               0x32u
#define   CBVER_3_3               0x33u
#define   CBVER_3_4               0x34u
#define IOAT_PERPORTOFFSET      0x0au     /* 16 bit, read-only */
#define IOAT_INTRDELAY          0x0cu     /* 16 bit */
#define   INTRDELAY_USEC          0x3fffu
#define   INTRDELAY_COALESCE      0x8000u /* read-only: coalescing supported */
#define IOAT_CS_STATUS          0x0eu     /* 16 bit, read-only */
#define IOAT_DMACAPABILITY      0x10u     /* 32 bit, read-only */
#define   DMACAP_DCA              0x00000010u
#define   DMACAP_BFILL            0x00000040u
#define   DMACAP_XOR              0x00000100u
#define   DMACAP_PQ               0x00000200u
#define   DMACAP_DWBES            0x00002000u
#define   DMACAP_RAID16SS         0x00020000u
#define   DMACAP_DPS              0x00800000u
#define IOAT_DCAOFFSET          0x14u     /* 16 bit, read-only; 0: no DCA block */
#define IOAT_CBPRIO             0x40u     /*  8 bit, read-only */
#define IOAT_PREFETCH_LIMIT     0x4cu     /*  8 bit */
#define IOAT_GENERAL_SIZE       0x80u

/* ---- channel registers, from IOAT_CHAN_BASE(n) (doc/hardware.md, Channel registers) ---- */
#define IOAT_CHAN_STRIDE        0x80u
#define IOAT_CHAN_BASE(n)       (IOAT_CHAN_STRIDE * ((n) + 1u))
#define IOAT_CHAN_MAX           4u        /* the most that any driver uses in one function */

#define IOAT_CHANCTRL           0x00u     /* 16 bit; the first read takes CHANCTRL_IN_USE */
#define   CHANCTRL_INT_DISABLE    0x0001u /* set by an interrupt; write 1 to rearm */
#define   CHANCTRL_ERR_COMPL_EN   0x0004u
#define   CHANCTRL_ANY_ERR_ABORT  0x0008u
#define   CHANCTRL_ERR_INT_EN     0x0010u
#define   CHANCTRL_DESC_NOSNOOP   0x0020u
#define   CHANCTRL_IN_USE         0x0100u
#define   CHANCTRL_COMPL_DCA_EN   0x0200u
#define   CHANCTRL_PRIORITY       0xf000u
#define IOAT_DMA_COMP           0x02u     /* 16 bit, read-only */
#define   DMA_COMP_V2             0x0002u
#define   DMA_COMP_V3             0x0004u
#define IOAT_CHANCMD            0x04u     /*  8 bit, self-clearing */
#define   CHANCMD_START           0x01u
#define   CHANCMD_APPEND          0x02u
#define   CHANCMD_SUSPEND         0x04u
#define   CHANCMD_ABORT           0x08u
#define   CHANCMD_RESUME          0x10u
#define   CHANCMD_RESET           0x20u
#define   CHANCMD_ALL             0x3fu   /* two of these at once are a fatal error */
#define IOAT_DMACOUNT           0x06u     /* 16 bit: the doorbell */
#define IOAT_CHANSTS            0x08u     /* 64 bit, read-only */
#define   CHANSTS_STATE           0x7ull  /* enum ioat_state */
#define   CHANSTS_UNAFFILIATED    0x8ull
#define   CHANSTS_SOFT_ERR        0x10ull
#define   CHANSTS_DESC            (~0x3full) /* bus address of the last finished descriptor */
#define IOAT_CHAINADDR          0x10u     /* 64 bit, 64-byte aligned */
#define IOAT_CHANCMP            0x18u     /* 64 bit, 8-byte aligned */
#define IOAT_CDAR               0x20u     /* 64 bit, read-only */
#define IOAT_CHANERR            0x28u     /* 32 bit, write 1 to clear */
#define IOAT_CHANERRMASK        0x2cu     /* 32 bit */
#define IOAT_DCACTRL            0x30u     /* 32 bit */
#define   DCACTRL_TARGET          0xffffu /* APIC id */
#define   DCACTRL_COMPL_EN        0x10000u

/*
 * v3.4 extras, written by Linux only; offsets from the channel base, beyond its window. Whether
 * silicon decodes them there or 0x80 lower is not public.
 */
#define IOAT_DRSCTL             0xb6u     /* 16 bit */
#define IOAT_LTR_SWSEL          0xbcu     /*  8 bit */
#define IOAT_LTR_ACTIVE         0xc0u     /* 32 bit */
#define IOAT_LTR_IDLE           0xc4u     /* 32 bit */

/** Channel states: CHANSTS bits 2:0, and the same bits of the completion word. */
enum ioat_state {
	IOAT_STATE_ACTIVE    = 0,
	IOAT_STATE_DONE      = 1, /**< idle: everything covered by DMACOUNT is finished */
	IOAT_STATE_SUSPENDED = 2,
	IOAT_STATE_HALTED    = 3,
	IOAT_STATE_ARMED     = 4, /**< CHAINADDR written, no doorbell yet */
};

/* CHANERR, CHANERRMASK and CHANERR_INT bits (doc/hardware.md, Errors) */
#define CHANERR_SRC_ADDR        (1u << 0)
#define CHANERR_DST_ADDR        (1u << 1)
#define CHANERR_NEXT_ADDR       (1u << 2)
#define CHANERR_DESC            (1u << 3)
#define CHANERR_CHAIN_ADDR      (1u << 4)
#define CHANERR_CMD             (1u << 5)
#define CHANERR_CHIPSET         (1u << 6)
#define CHANERR_DMA_INTEGRITY   (1u << 7)
#define CHANERR_READ_DATA       (1u << 8)
#define CHANERR_WRITE_DATA      (1u << 9)
#define CHANERR_CONTROL         (1u << 10)
#define CHANERR_LENGTH          (1u << 11)
#define CHANERR_COMPL_ADDR      (1u << 12)
#define CHANERR_INT_CONFIG      (1u << 13)
#define CHANERR_SED_ADDR        (1u << 14)
#define CHANERR_UNAFFILIATED    (1u << 15)
#define CHANERR_CRC_XOR         (1u << 16)
#define CHANERR_Q               (1u << 17)
#define CHANERR_DESC_COUNT      (1u << 18)
#define CHANERR_DIF_ALL_F       (1u << 19)
#define CHANERR_DIF_GUARD       (1u << 20)
#define CHANERR_DIF_APP         (1u << 21)
#define CHANERR_DIF_REF         (1u << 22)
#define CHANERR_BUNDLE          (1u << 23)
#define CHANERR_RDIF_ALL_F      (1u << 24)
#define CHANERR_RDIF_GUARD      (1u << 25)
#define CHANERR_RDIF_APP        (1u << 26)
#define CHANERR_RDIF_REF        (1u << 27)
#define CHANERR_ALL             0x0fffffffu

/* ---- descriptors (doc/hardware.md, Descriptors) ---- */
#define DESC_CTRL_INT_EN        (1u << 0)
#define DESC_CTRL_SRC_NOSNOOP   (1u << 1)
#define DESC_CTRL_DST_NOSNOOP   (1u << 2)
#define DESC_CTRL_COMPL         (1u << 3)  /* write the completion word when done */
#define DESC_CTRL_FENCE         (1u << 4)  /* finish up to this one before the next starts */
#define DESC_CTRL_NULL          (1u << 5)  /* copy only: moves nothing */
#define DESC_CTRL_SRC_BREAK     (1u << 6)
#define DESC_CTRL_DST_BREAK     (1u << 7)
#define DESC_CTRL_BUNDLE        (1u << 8)
#define DESC_CTRL_DST_DCA       (1u << 9)
#define DESC_CTRL_DCA_HINT      (1u << 10)
#define DESC_CTRL_OP_SHIFT      24
#define DESC_CTRL_OP(op)        ((uint32_t)(op) << DESC_CTRL_OP_SHIFT)

#define IOAT_OP_COPY            0x00u
#define IOAT_OP_FILL            0x01u
#define IOAT_OP_XOR             0x87u     /* RAID operations: named, not modelled */
#define IOAT_OP_PQ              0x89u

/* The control bits that an operation may set; the others are reserved. */
#define DESC_CTRL_COPY_BITS     0x000007ffu
#define DESC_CTRL_FILL_BITS     0x0000019du

#define IOAT_DESC_SIZE          64u
#define IOAT_DESC_ALIGN         64u
#define IOAT_NULL_SIZE          8u   /* a NULL descriptor's size must not be 0 */
#define IOAT_COUNT_MAX          65535u /* descriptors outstanding at most: 65536 look like none */
#define IOAT_PAGE_SIZE          4096u  /* what the page-break bits mean by a page */

/* clang-format on */

/** One hardware descriptor. @c src holds the pattern of a fill. */
struct ioat_desc {
	uint32_t size;
	uint32_t ctrl;
	uint64_t src;
	uint64_t dst;
	uint64_t next;
	uint64_t src2; /**< second source page, with DESC_CTRL_SRC_BREAK */
	uint64_t dst2; /**< second destination page, with DESC_CTRL_DST_BREAK */
	uint64_t user[2];
};

static_assert(sizeof(struct ioat_desc) == IOAT_DESC_SIZE, "a descriptor is 64 bytes");
static_assert(IOAT_CHAN_BASE(0) + IOAT_CHANSTS == 0x88, "channel 0 starts at 0x80");

#endif /* IOAT_HW_H */
