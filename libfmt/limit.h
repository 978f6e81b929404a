/* Every ceiling of libfmt, each with its reason. What a file announces is bounded first by the bytes that it has;
 * these bound what such a file could still do to us. Dimensions: FMT_MAX_DIMS in <libfmt/model.h>. */
#ifndef LIBFMT_LIMIT_H
#define LIBFMT_LIMIT_H

#include <stdint.h>

/* Bytes of a metadata key. GGUF specification: "at most 2^16-1 bytes". */
#define LIMIT_KEY_BYTES 65535

/* Bytes of a GGUF tensor name. GGUF specification: "at most 64 bytes" (llama.cpp takes one less). */
#define LIMIT_GGUF_NAME_BYTES 64

/* Dimensions of a GGUF tensor. GGUF specification: "at most 4". */
#define LIMIT_GGUF_DIMS 4

/* Bytes of one string and elements of one array of GGUF metadata. Both reference readers stop at 2^30; the longest
 * seen in use is a tokenizer.json of some 30 MB. */
#define LIMIT_GGUF_STRING_BYTES (UINT64_C(1) << 30)
#define LIMIT_GGUF_ARRAY_ELEMS  (UINT64_C(1) << 30)

/* Arrays within arrays. The reader recurses; nothing in use nests more than twice. */
#define LIMIT_GGUF_ARRAY_DEPTH 8

/* GGUF's general.alignment. 32 is usual, 64 KiB is the largest page size in use; a padding of more is an attempt to
 * make a small file look large. */
#define LIMIT_GGUF_ALIGNMENT (UINT64_C(1) << 24)

/* Names in one index (keys or tensors of a model): slots hold 32-bit numbers. The largest model published so far has
 * some 10^5 tensors. */
#define LIMIT_NAMES (UINT32_C(1) << 30)

/* Files of one model. split.count of GGUF has 16 bits; the largest model published so far has 163. Each is kept
 * open, and the system's own limit on descriptors comes first. */
#define LIMIT_FILES 65535

/* Bytes of a safetensors header. safetensors 0.8, tensor.rs, MAX_HEADER_SIZE. */
#define LIMIT_ST_HEADER_BYTES UINT64_C(100000000)

/* Memory that one model may take for its metadata: a base, plus so much per byte of its files. The worst that an
 * honest format asks for is a GGUF tensor of 24 bytes that takes some 530 bytes here while its tables grow. */
#define LIMIT_ARENA_BASE   (UINT64_C(1) << 20)
#define LIMIT_ARENA_FACTOR 32

/* JSON: bytes of text (tokenizer.json of the largest vocabularies has some 30 MB); values (each takes some 100 bytes of
 * memory, and its text may be two: "1,"); containers in containers (the readers recurse); characters of a number (no
 * double needs more than 767 digits). */
#define LIMIT_JSON_BYTES  1073741824
#define LIMIT_JSON_VALUES 16777216
#define LIMIT_JSON_DEPTH  128
#define LIMIT_JSON_NUMBER 1024

/* Special tokens of a tekken.json, which need not be listed: 1000 in all that were seen. */
#define LIMIT_TEKKEN_SPECIAL 16384

/* Bytes of an index.json. The largest published have some 10 MB. */
#define LIMIT_INDEX_BYTES (UINT64_C(1) << 28)

/* Bytes of a pickle, and of a whole record of a zip that is unpacked into memory. A tensor takes some 200 bytes of it;
 * the largest published are a few MB. */
#define LIMIT_PICKLE_BYTES 67108864

/* The same where the record is compressed and a small file could make much of little. torch never compresses; archives
 * that were packed again have pickles of some 100 KB. */
#define LIMIT_DEFLATED_PICKLE_BYTES 8388608

/* MARKs that are open at once: nested containers that are being built. torch's own nest four or five deep. */
#define LIMIT_PICKLE_MARKS 256

/* Dicts and lists in each other, around the tensors of a checkpoint. The walk recurses. */
#define LIMIT_TORCH_DEPTH 16

/* Metadata keys of a view of a directory, which are looked up one by one while they are made. Data sets of a model card and
 * named chat templates give the most: some hundreds. */
#define LIMIT_VIEW_KEYS 8192

/* Memory that a view of a directory may take before its files are counted, which add LIMIT_ARENA_FACTOR each: tables
 * of a vocabulary of a million tokens, plans of some hundred thousand tensors. */
#define LIMIT_VIEW_BYTES (UINT64_C(64) << 20)

/* Answers to one question. llama-perplexity takes no more either; ten are many. */
#define LIMIT_TASK_ANSWERS 100

/* Bytes that a strided view of a PyTorch storage is gathered through, whatever the size of the tensor. */
#define LIMIT_GATHER_BYTES (UINT64_C(1) << 20)

#endif
