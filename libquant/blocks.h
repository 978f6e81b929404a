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

struct block_iq2_xxs { /* d (k + 1/2) / 4 * level, 8 sub-blocks of 32 */
	uint16_t d;
	struct {
		uint8_t points[4];  /* of the grid, one per group of 8 */
		uint16_t signs[2];  /* 32 bits, low half first: bits 7g.. are even_signs of group g, the top 4 k */
	} sub[8];
};

struct block_iq2_xs { /* as iq2_xxs, with 16 sub-blocks of 16 */
	uint16_t d;
	uint16_t groups[32]; /* low 9 bits the point, high 7 even_signs */
	uint8_t scales[8];   /* nibble j: k of sub-block j */
};

struct block_iq2_s {
	uint16_t d;
	uint8_t points[32]; /* low 8 bits */
	uint8_t signs[32];  /* bit i: element i of the group is negative */
	uint8_t qh[8];      /* bits 2 (g mod 4).. of byte g / 4: top 2 bits of group g's point */
	uint8_t scales[8];
};

struct block_iq3_xxs { /* d (k + 1/2) / 2 * level, 8 sub-blocks of 32 */
	uint16_t d;
	uint8_t points[64]; /* one per four elements */
	uint8_t signs[32];  /* 8 words of 32 bits, as in iq2_xxs */
};

struct block_iq3_s { /* d (2k + 1) * level, 8 sub-blocks of 32 */
	uint16_t d;
	uint8_t points[64]; /* low 8 bits */
	uint8_t qh[8];      /* bit i: top bit of point i */
	uint8_t signs[32];
	uint8_t scales[4];  /* nibble j: k of sub-block j */
};

struct block_iq1_s { /* d (2k + 1) (level + delta), 8 sub-blocks of 32 */
	uint16_t d;
	uint8_t points[32]; /* low 8 bits, one per group of 8 */
	uint16_t qh[8];     /* bits 3g..: top 3 bits of group g's point; 12..14: k; 15: delta is negative */
};

struct block_iq1_m { /* as iq1_s, with 16 sub-blocks of 16 and a delta per group */
	uint8_t points[32];
	uint8_t qh[16];     /* nibble g: top 3 bits of group g's point; bit 3: delta is negative */
	uint16_t scales[4]; /* bits 3i..: k of sub-block 4w + i; top halves together: d, lowest nibble first */
};

struct block_tq1_0 { /* d (digit - 1) */
	uint8_t qs[48]; /* five digits of base 3 in each: see tq1_0.c */
	uint8_t qh[4];  /* four */
	uint16_t d;
};

struct block_tq2_0 { /* d (q - 1) */
	uint8_t qs[64]; /* as q2_k */
	uint16_t d;
};

struct block_mxfp4 { /* 2^(e - 128) * level */
	uint8_t e;
	uint8_t qs[16]; /* nibbles */
};

struct block_nvfp4 { /* scale / 2 * level, 4 sub-blocks of 16 */
	uint8_t scales[4]; /* E4M3 without a sign */
	uint8_t qs[32];    /* eight bytes each: low halves first */
};

struct block_q1_0 { /* d or -d */
	uint16_t d;
	uint8_t bits[16]; /* bit i mod 8 of byte i / 8: element i is d */
};

struct block_q2_0 { /* d (q - 1) */
	uint16_t d;
	uint8_t qs[16]; /* bits 2 (i mod 4).. of byte i / 4 */
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
QUANT_ASSERT_BLOCK(IQ2_XXS, iq2_xxs);
QUANT_ASSERT_BLOCK(IQ2_XS, iq2_xs);
QUANT_ASSERT_BLOCK(IQ2_S, iq2_s);
QUANT_ASSERT_BLOCK(IQ3_XXS, iq3_xxs);
QUANT_ASSERT_BLOCK(IQ3_S, iq3_s);
QUANT_ASSERT_BLOCK(IQ1_S, iq1_s);
QUANT_ASSERT_BLOCK(IQ1_M, iq1_m);
QUANT_ASSERT_BLOCK(TQ1_0, tq1_0);
QUANT_ASSERT_BLOCK(TQ2_0, tq2_0);
QUANT_ASSERT_BLOCK(MXFP4, mxfp4);
QUANT_ASSERT_BLOCK(NVFP4, nvfp4);
QUANT_ASSERT_BLOCK(Q1_0, q1_0);
QUANT_ASSERT_BLOCK(Q2_0, q2_0);

#endif
