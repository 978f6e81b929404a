/* Whether a GGUF's keys say all of a tokenizer: both readings of a directory, the one by tokenizer.json and the one by
 * the keys made from it, held against each other. */
#ifndef LIBINFER_TOK_CHECK_H
#define LIBINFER_TOK_CHECK_H

#include <libfmt/view.h>

#define INFER_TOK_NOTES      12
#define INFER_TOK_NOTE_BYTES 200

struct infer_tok_check {
	bool differs;     /* some text gives other ids by the keys alone */
	uint32_t n_notes; /* what llama.cpp will not do, in a few words: "no NFC" */
	char notes[INFER_TOK_NOTES][INFER_TOK_NOTE_BYTES];
};

/* Compares the parts of both readings, names what the keys have no words for, and then encodes a built-in text by the keys
 * and by tokenizer.json without the named parts.
 * v          has a tokenizer.json
 * pre_given  tokenizer.ggml.pre was chosen by a person: if it cuts text otherwise, that is one of the notes
 * returns    false with *err set; FMT_MISMATCH: ids differ for another reason, with the first such text and both lists of
 *            ids in the message */
bool infer_tok_check(const struct fmt_view *v, bool pre_given, struct infer_tok_check *out, struct fmt_err *err);

#endif
