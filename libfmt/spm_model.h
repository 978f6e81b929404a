/* SentencePiece's tokenizer.model: a protobuf message (sentencepiece_model.proto), of which this is what matters. */
#ifndef FMT_SPM_MODEL_H
#define FMT_SPM_MODEL_H

#include "arena.h"

struct spm_piece {
	struct fmt_str text; /* a view of the file's bytes */
	float score;
	uint32_t type;       /* enum tok_type: the numbers are the same */
};

enum spm_kind { SPM_UNIGRAM = 1, SPM_BPE, SPM_WORD, SPM_CHAR };

struct spm_model {
	struct spm_piece *pieces; /* by id */
	uint64_t n;
	uint32_t kind;            /* enum spm_kind */
	bool dummy_prefix;        /* a space is put before a text */
	bool remove_spaces;       /* at the ends of a text, and but one of each run */
	bool byte_fallback;
	struct fmt_str charsmap;  /* the normalizer's map; empty: none */
	uint64_t unk, bos, eos;   /* ids; UINT64_MAX: none */
};

/* Reads a whole file. returns false with *err set (the offset is into the file) if it is not such a message */
bool spm_model_read(struct fmt_arena *mem, struct fmt_str file, struct spm_model *out, struct fmt_err *err);

#endif
