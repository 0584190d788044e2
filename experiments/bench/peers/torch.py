"""``torch.nn``; one thread per usable core."""

import os

import torch

from experiments.bench.problem import GATES, RATE, Job, Size, draw

CLASSES = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "elman": torch.nn.RNN}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
torch.set_num_threads(len(os.sched_getaffinity(0)))


def make(suite: str, **options) -> Job:
    """Prepare a job of the suite "layer", "sweep" or "ceiling"."""
    return {"layer": _layer, "sweep": _sweep, "ceiling": _ceiling}[suite](**options)


def _set_precision(precision: str) -> None:
    torch.set_float32_matmul_precision({"float32": "highest", "tf32": "high"}[precision])
    torch.backends.cudnn.allow_tf32 = precision == "tf32"  # a separate flag, on by default


def _wait() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def _load(layer, w_DGH, u_HGH, b_GH) -> None:
    """Copy the weights. The second bias stays 0, because training both would double the step."""
    H = u_HGH.shape[0]
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor(w_DGH).permute(1, 2, 0).reshape(-1, len(w_DGH)))
        layer.weight_hh_l0.copy_(torch.tensor(u_HGH).permute(1, 2, 0).reshape(-1, H))
        layer.bias_ih_l0.copy_(torch.tensor(b_GH).reshape(-1))
        layer.bias_hh_l0.zero_()
        if isinstance(layer, torch.nn.GRU):  # n = tanh(W x + r ∘ (U h + b))
            layer.bias_hh_l0[2 * H :] = layer.bias_ih_l0[2 * H :]
            layer.bias_ih_l0[2 * H :] = 0
        else:
            layer.bias_hh_l0.requires_grad_(False)


def _layer(size: list[int], cell: str, precision: str) -> Job:
    _set_precision(precision)
    size = Size(*size)
    arrays = draw(size, GATES[cell])
    layer = CLASSES[cell](size.D, size.H)
    _load(layer, arrays.w_DGH, arrays.u_HGH, arrays.b_GH)
    layer.to(DEVICE)
    x, y = (torch.tensor(a, device=DEVICE) for a in (arrays.x_TBD, arrays.y_TBH))
    optimizer = torch.optim.SGD([p for p in layer.parameters() if p.requires_grad], lr=RATE)

    def outputs():
        with torch.no_grad():
            return layer(x)[0]

    def forward(times):
        for _ in range(times):
            outputs()
            _wait()

    def train(times):
        for _ in range(times):
            optimizer.zero_grad(set_to_none=True)
            loss = ((layer(x)[0] - y) ** 2).sum() / (size.T * size.B)
            loss.backward()
            optimizer.step()
            loss.item()

    values = {"outputs": outputs().cpu().numpy()}
    train(1)
    if cell != "gru":  # torch trains both biases of r and z, which moves their sum twice
        values["updated"] = outputs().cpu().numpy()
    return Job(train, values, {}, forward)


def _sweep(size: list[int], runs: int, steps: int, precision: str) -> Job:
    """Loop of single runs on the adding task: sample, gradient, clip, momentum."""
    _set_precision(precision)
    B, T, _, H = size

    def batch():
        values = torch.rand(T, B, device=DEVICE)
        first = torch.randint(0, T // 2, (B,), device=DEVICE)
        second = torch.randint(T // 2, T, (B,), device=DEVICE)
        marks = torch.zeros(T, B, device=DEVICE)
        columns = torch.arange(B, device=DEVICE)
        marks[first, columns] = marks[second, columns] = 1
        return torch.stack([values, marks], -1), (values * marks).sum(0)

    def model():
        layer = torch.nn.LSTM(2, H).to(DEVICE)
        readout = torch.nn.Linear(H, 1).to(DEVICE)
        layer.bias_hh_l0.requires_grad_(False)
        parameters = [p for p in (*layer.parameters(), *readout.parameters()) if p.requires_grad]
        return layer, readout, torch.optim.SGD(parameters, lr=0.01, momentum=0.9)

    def update(layer, readout, optimizer, x, y):
        optimizer.zero_grad(set_to_none=True)
        h = layer(x)[1][0][0]
        loss = ((readout(h)[:, 0] - y) ** 2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1.0)
        optimizer.step()
        return loss.detach()

    def one_run():
        parts = model()
        return torch.stack([update(*parts, *batch()) for _ in range(steps)]).cpu().numpy()

    def run(times):
        for _ in range(times):
            for _ in range(runs):
                one_run()

    arrays = draw(Size(*size))
    layer, readout, optimizer = model()
    _load(layer, arrays.w_DGH, arrays.u_HGH, arrays.b_GH)
    with torch.no_grad():
        readout.weight.copy_(torch.tensor(arrays.u_HGH[:, 0, :1].T))
        readout.bias.zero_()
    x, y = (torch.tensor(a, device=DEVICE) for a in (arrays.x_TBD, arrays.y_TBH[0, :, 0]))
    loss = update(layer, readout, optimizer, x, y)
    u_HGH = layer.weight_hh_l0.detach().cpu().numpy().reshape(4, H, H).transpose(2, 0, 1)
    one_run()
    facts = {"run_steps": runs * steps * T}
    return Job(run, {"loss": loss.cpu().numpy(), "updated": u_HGH}, facts)


def _ceiling(side: int, precision: str) -> Job:
    _set_precision(precision)
    a = torch.randn(side, side, device=DEVICE)

    def run(times):
        for _ in range(times):
            a @ a
            _wait()

    run(1)
    return Job(run, {}, {})
