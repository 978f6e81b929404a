/* Multiple-choice tasks: how often a model finds the right answer the most likely, as llama-perplexity counts.
 *
 * An answer's score is the mean logarithm of the probability of its tokens. Tokenized whole, with the question; of HellaSwag and
 * multiple choice, where a space parts the two, scored are those after what all answers of the task have in common. Of WinoGrande,
 * where the answer stands within a sentence, those after the answer but the last one, which ends the sentence; where three tokens
 * or fewer come after what both have in common, the answer's own too. */
#ifndef LIBINFER_CHOICE_H
#define LIBINFER_CHOICE_H

#include <libfmt/tasks.h>
#include <libinfer/infer.h>
#include <libinfer/tokenizer.h>

/* Lowers t->n to n, where it is above: to the tasks that llama-perplexity, built with GNU's library, takes of so many, in its
 * order. */
void infer_tasks_draw(struct fmt_tasks *t, uint64_t n);

struct infer_choice {
	const double *scores; /* [n_answers] */
	uint32_t chosen;      /* the answer with the largest score, the first among equals */
	bool right;
};

struct infer_choices {
	struct infer_choice *choices; /* [n], in the order of the tasks */
	uint64_t n, n_right;
	double chance;                /* part that guesses would get right */
	double *scores;
};
void infer_choices_finish(struct infer_choices *c); /* a zeroed one is fine */

struct infer_choose_options {
	uint32_t n_ctx;   /* 0: what the longest answer takes, with its question */
	uint32_t n_batch; /* changes no bit */
	void (*progress)(void *user, uint64_t done, uint64_t total); /* after each task; NULL: nobody asks */
	void *user;
};

/* returns false with *err set: an answer longer than the context, or of a single token, before which there is nothing; a
 * tokenizer that does not go with the model; what infer_eval refuses */
bool infer_choose(const struct infer_model *m, const struct infer_tokenizer *tokenizer, const struct fmt_tasks *tasks,
                  const struct infer_choose_options *o, struct infer_choices *c, struct fmt_err *err);

/* Standard error of the part that is right; 0 of fewer than two tasks. And the interval in which it lies with 95 %
 * (Wilson 1927). */
double infer_choices_error(const struct infer_choices *c);
void infer_choices_interval(const struct infer_choices *c, double *low, double *high);

#endif
