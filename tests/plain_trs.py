"""A step of teacher-reference-student learning in plain NumPy: float64, one clip after another, slow on purpose.

Written from the paper and from what the notebooks promise, so that it can be read beside the figure; it shares no line
with trs_lab. A network is a dictionary of its weights. An answer is a pair of floats: score and log-variance.
"""

import math

import numpy as np

LOWEST, HIGHEST = -5.0, 2.0  # of a log-variance
LARGEST_GRADIENT = 5.0
LEARNT_BY_HEART = 1e-8  # smallest sum of precisions


def linear(weights, name, x):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def layer_norm(weights, name, x):
    """Of the last axis."""
    found = np.empty_like(x)
    for place in np.ndindex(x.shape[:-1]):
        row = x[place]
        found[place] = (row - row.mean()) / math.sqrt(((row - row.mean()) ** 2).mean() + 1e-5)
    return found * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def score_head(weights, name, feature):
    """Score and log-variance of one feature vector; the log-variance begins at 0 and stays within its bounds."""
    score, raw = linear(weights, f"{name}.linear", feature)
    begin = -LOWEST / (HIGHEST - LOWEST)
    share = 1 / (1 + math.exp(-(raw + math.log(begin / (1 - begin)))))
    return score, LOWEST + (HIGHEST - LOWEST) * share


def network(weights, clip):
    """Teacher or student: segment features (S, D) -> score, log-variance."""
    x, block = clip, 0
    while f"mixer.blocks.{block}.token_norm.weight" in weights:
        at = f"mixer.blocks.{block}"
        segments = layer_norm(weights, f"{at}.token_norm", x).T
        hidden = gelu(linear(weights, f"{at}.tokens.0", segments))
        x = x + linear(weights, f"{at}.tokens.3", hidden).T
        hidden = gelu(linear(weights, f"{at}.channels.0", layer_norm(weights, f"{at}.channel_norm", x)))
        x = x + linear(weights, f"{at}.channels.3", hidden)
        block += 1
    return score_head(weights, "head", layer_norm(weights, "mixer.norm", x).mean(0))


def relative_score(weights, query, exemplar, heads):
    """The reference network: by how much the query is better than the exemplar, and a log-variance."""
    embed = lambda clip: layer_norm(weights, "embed.1", linear(weights, "embed.0", clip))
    asked, known = embed(query), embed(exemplar)
    q, k, v = linear(weights, "query", asked), linear(weights, "key", known), linear(weights, "value", known)
    width, found = q.shape[1] // heads, np.empty_like(q)
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        for segment in range(len(q)):
            alike = np.array([q[segment, part] @ other for other in k[:, part]]) / math.sqrt(width)
            attention = np.exp(alike - alike.max()) / np.exp(alike - alike.max()).sum()
            found[segment, part] = sum(a * value for a, value in zip(attention, v[:, part]))
    both = layer_norm(weights, "mlp.0", np.concatenate([asked, found], 1))
    return score_head(weights, "head", gelu(linear(weights, "mlp.1", both)).mean(0))


def likelihood(answer, score):
    """Heteroscedastic Gaussian negative log-likelihood, without its constant."""
    mean, log_var = answer
    return 0.5 * (math.exp(-log_var) * (score - mean) ** 2 + log_var)


def labelled_loss(weights, clips, scores):
    return sum(likelihood(network(weights, c), s) for c, s in zip(clips, scores)) / len(clips)


def reference_loss(weights, clips, scores, heads):
    """Every pair of labelled clips in both directions."""
    losses = []
    for i, query in enumerate(clips):
        for j, exemplar in enumerate(clips):
            if i != j:
                answer = relative_score(weights, query, exemplar, heads)
                losses.append(likelihood(answer, scores[i] - scores[j]))
    return sum(losses) / len(losses)


def together(answers, rule):
    """Several opinions of one clip become one; its variance is that of their mixture."""
    answers = [a for a in answers if math.isfinite(a[1])]
    if rule == "confidence":
        shares = [math.exp(-log_var) for _, log_var in answers]
    elif rule == "mean":
        shares = [1.0 for _ in answers]
    else:
        surest = min(log_var for _, log_var in answers)
        shares = [float(log_var == surest) for _, log_var in answers]
    shares = [s / sum(shares) for s in shares]
    mean = sum(s * m for s, (m, _) in zip(shares, answers))
    variance = sum(s * (math.exp(log_var) + (m - mean) ** 2) for s, (m, log_var) in zip(shares, answers))
    return mean, math.log(variance)


def remember(memory, clip, answer, rule, momentum):
    """Confidence memory {clip: answer}: the most confident answer ever; or a moving average, or the latest."""
    old = memory.get(clip)
    if old is None or rule == "latest":
        memory[clip] = answer
    elif rule == "best":
        memory[clip] = answer if answer[1] < old[1] else old
    else:
        memory[clip] = tuple(momentum * a + (1 - momentum) * b for a, b in zip(old, answer))
    return memory[clip]


def unlabelled_loss(answers, pseudo_labels, kind):
    """The student held to its pseudo-labels, which are fixed numbers to it."""
    if kind == "mse":
        precisions = [math.exp(-log_var) for _, log_var in pseudo_labels]
        errors = [(mean - label) ** 2 for (mean, _), (label, _) in zip(answers, pseudo_labels)]
        return sum(p * e for p, e in zip(precisions, errors)) / max(sum(precisions), LEARNT_BY_HEART)
    losses = []
    for (mean, log_var), (label, label_log_var) in zip(answers, pseudo_labels):
        error = (label - mean) ** 2 + math.exp(label_log_var)
        losses.append(0.5 * (math.exp(-log_var) * error + log_var))
    return sum(losses) / len(losses)


def ramp(progress, length):
    """Weight of the unlabelled loss, after Mean Teacher."""
    return math.exp(-5 * (1 - min(progress / length, 1)) ** 2) if length else 1.0


def nearest(query, exemplars, allowed, k):
    """Places of the k allowed exemplars whose mean feature points most nearly where the query's does."""
    unit = lambda clip: clip.mean(0) / np.linalg.norm(clip.mean(0))
    ranked = sorted(allowed, key=lambda i: -(unit(query) @ unit(exemplars[i])))
    return [ranked[i % min(k, len(ranked))] for i in range(min(k, len(exemplars)))]


def adam(weights, gradients, moments, number, lr, weight_decay):
    """A movement of all weights, gradients clipped to a common norm before; `moments` is changed."""
    norm = math.sqrt(sum((g**2).sum() for g in gradients.values()))
    shrunk = min(1.0, LARGEST_GRADIENT / (norm + 1e-6))
    moved = {}
    for name, w in weights.items():
        g = gradients[name] * shrunk + weight_decay * w
        first, second = moments.get(name, (0.0, 0.0))
        first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
        moments[name] = first, second
        step = (first / (1 - 0.9**number)) / (np.sqrt(second / (1 - 0.999**number)) + 1e-8)
        moved[name] = w - lr * step
    return moved


def follow(teacher, student, momentum):
    """The teacher after a movement of the student."""
    return {name: momentum * w + (1 - momentum) * student[name] for name, w in teacher.items()}


class PlainTRS:
    """Weights and memories of a run, moved step by step."""

    def __init__(self, student, reference, teacher, scores, exemplars, heads, config):
        self.student, self.reference, self.teacher = student, reference, teacher
        self.scores, self.exemplars = (
            scores,
            exemplars,
        )  # exemplars: {clip: clean features} of the labelled ones
        self.heads, self.config, self.options = heads, config, config.options
        self.memories, self.moments, self.moves = dict(teacher={}, reference={}), {}, 0

    def burn_in_losses(self, weak, labelled):
        """Teacher and reference network learn from labelled clips."""
        return self.labelled_losses(self.student, self.reference, weak, [self.scores[c] for c in labelled])

    def labelled_losses(self, student, reference, clips, scores):
        return dict(
            loss_labelled=labelled_loss(student, clips, scores),
            loss_reference=reference_loss(reference, clips, scores, self.heads),
        )

    def opinion_of_reference(self, clip, chosen):
        """Score of each exemplar plus the relative score, the surest counting most."""
        answers = []
        for exemplar in chosen:
            delta, log_var = relative_score(self.reference, clip, self.exemplars[exemplar], self.heads)
            answers.append((self.scores[exemplar] + delta, log_var))
        return together(answers, "confidence")

    def pseudo_label(self, clip, weak, chosen):
        """Both judge the weak view; their answers go through the memories and become one."""
        o, believed = self.options, []
        asked = dict(teacher=network(self.teacher, weak), reference=self.opinion_of_reference(weak, chosen))
        for name, answer in asked.items():
            kept = remember(self.memories[name], clip, answer, o.memory_rule, o.memory_momentum)
            believed.append(kept if o.use_memory else answer)
        return together(believed, o.fusion)

    def losses(self, student, reference, labelled, weak, strong, pseudo_labels):
        """Of a semi-supervised step, once the pseudo-labels are fixed."""
        answers = [network(student, clip) for clip in strong]
        scores = [self.scores[c] for c in labelled]
        held = unlabelled_loss(answers, pseudo_labels, self.options.pseudo_loss)
        return dict(self.labelled_losses(student, reference, weak, scores), loss_unlabelled=held)

    def total(self, losses, progress):
        o = self.options
        weights = dict(loss_labelled=1.0, loss_reference=o.reference_weight)
        weights["loss_unlabelled"] = o.unlabelled_weight * ramp(progress, o.ramp_epochs)
        return sum(weights[name] * loss for name, loss in losses.items())

    def move(self, gradients, lr, follows):
        """One movement of student and reference network; the teacher follows in the second stage."""
        self.moves += 1
        named = {f"student.{k}": v for k, v in self.student.items()}
        named |= {f"reference.{k}": v for k, v in self.reference.items()}
        moved = adam(named, gradients, self.moments, self.moves, lr, self.config.weight_decay)
        self.student = {k: moved[f"student.{k}"] for k in self.student}
        self.reference = {k: moved[f"reference.{k}"] for k in self.reference}
        if follows:
            self.teacher = follow(self.teacher, self.student, self.options.ema_momentum)

    def begin_second_stage(self):
        self.teacher, self.moments, self.moves = dict(self.student), {}, 0
