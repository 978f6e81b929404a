/* The blocks as they lie in files. Sizes are asserted against types.def, which is the only place they are written.
 *
 * Half floats are uint16_t at even offsets in most blocks but not in all, and rows start anywhere: kernels copy a block
 * in and out with memcpy. All supported machines are little-endian, as the files are. */
#ifndef LIBQUANT_BLOCKS_H
#define LIBQUANT_BLOCKS_H

#include <stdint.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the kernels read blocks as little-endian structs"
#endif

enum quant_block_elems {
#define TYPE(id, name, gguf, st, elems, bytes) QUANT_ELEMS_##id = elems,
#include <libfmt/types.def>
#undef TYPE
};

enum quant_block_bytes {
#define TYPE(id, name, gguf, st, elems, bytes) QUANT_BYTES_##id = bytes,
#include <libfmt/types.def>
#undef TYPE
};

#define QUANT_QK 32  /* elements of a simple block */
#define QUANT_SB 256 /* elements of a superblock */

/* "nibbles": byte j holds element j in its low half and element j + 16 in its high half. */

struct block_q4_0 { /* d (q - 8) */
	uint16_t d;
	uint8_t qs[16]; /* nibbles */
};

struct block_q4_1 { /* d q + m */
	uint16_t d, m;
	uint8_t qs[16];
};

struct block_q5_0 { /* d (q - 16) */
	uint16_t d;
	uint8_t qh[4]; /* bit j of the 32: bit 4 of element j */
	uint8_t qs[16];
};

struct block_q5_1 { /* d q + m */
	uint16_t d, m;
	uint8_t qh[4];
	uint8_t qs[16];
};

struct block_q8_0 { /* d q */
	uint16_t d;
	int8_t qs[32];
};

struct block_q2_k { /* (d ks) q - (dmin km), 16 sub-blocks of 16 */
	uint8_t scales[16]; /* low half ks, high half km */
	uint8_t qs[64];     /* element 128c + 32s + l: bits 2s.. of byte 32c + l */
	uint16_t d, dmin;
};

struct block_q3_k { /* d (k - 32) (q - 4), 16 sub-blocks of 16 */
	uint8_t hmask[32];  /* bit 2 of element 32b + l: bit b of byte l */
	uint8_t qs[64];     /* low two bits, as q2_k */
	uint8_t scales[12]; /* k of 6 bits: see q3_k.c */
	uint16_t d;
};

struct block_q4_k { /* (d ks) q - (dmin km), 8 sub-blocks of 32 */
	uint16_t d, dmin;
	uint8_t scales[12]; /* ks and km of 6 bits: see k_scales.h */
	uint8_t qs[128];    /* 32 bytes per pair of sub-blocks: 2g in the low halves, 2g + 1 in the high ones */
};

struct block_q5_k {
	uint16_t d, dmin;
	uint8_t scales[12];
	uint8_t qh[32]; /* bit j of byte l: bit 4 of element l of sub-block j */
	uint8_t qs[128];
};

struct block_q6_k { /* (d sc) (q - 32), 16 sub-blocks of 16 */
	uint8_t ql[128]; /* low 4 bits, see q6_k.c */
	uint8_t qh[64];  /* top 2 bits */
	int8_t scales[16];
	uint16_t d;
};

struct block_iq4_nl { /* d V[q] */
	uint16_t d;
	uint8_t qs[16];
};

struct block_iq4_xs { /* d (k - 32) V[q], 8 sub-blocks of 32 */
	uint16_t d;
	uint16_t scales_h;   /* bits 2j..: top 2 bits of k_j */
	uint8_t scales_l[4]; /* half j mod 2 of byte j / 2: low 4 bits of k_j */
	uint8_t qs[128];     /* nibbles per sub-block */
};

#define QUANT_ASSERT_BLOCK(id, name)                                                           \
	_Static_assert(sizeof(struct block_##name) == QUANT_BYTES_##id, #name " has no padding")
QUANT_ASSERT_BLOCK(Q4_0, q4_0);
QUANT_ASSERT_BLOCK(Q4_1, q4_1);
QUANT_ASSERT_BLOCK(Q5_0, q5_0);
QUANT_ASSERT_BLOCK(Q5_1, q5_1);
QUANT_ASSERT_BLOCK(Q8_0, q8_0);
QUANT_ASSERT_BLOCK(Q2_K, q2_k);
QUANT_ASSERT_BLOCK(Q3_K, q3_k);
QUANT_ASSERT_BLOCK(Q4_K, q4_k);
QUANT_ASSERT_BLOCK(Q5_K, q5_k);
QUANT_ASSERT_BLOCK(Q6_K, q6_k);
QUANT_ASSERT_BLOCK(IQ4_NL, iq4_nl);
QUANT_ASSERT_BLOCK(IQ4_XS, iq4_xs);

#endif
