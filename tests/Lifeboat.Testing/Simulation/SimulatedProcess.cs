// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

/// <summary>
/// One operating system process of the world. Its continuations come back to its own context, so that a kill can
/// throw away all of them at any await: no finally block runs, as with SIGKILL.
/// </summary>
public sealed class SimulatedProcess : SynchronizationContext
{
    private readonly List<SimulatedScheduler.Work> _parked = [];
    private readonly List<Action> _exits = [];
    private readonly Action<SimulatedProcess, Exception> _crashed;

    public SimulatedProcess(SimulatedScheduler scheduler, int id, string name,
        Action<SimulatedProcess, Exception> crashed)
        : this(scheduler, id, name, new HostTime(TimeSpan.Zero), crashed)
    {
    }

    /// <param name="time">What the clock of its host says.</param>
    public SimulatedProcess(SimulatedScheduler scheduler, int id, string name, HostTime time,
        Action<SimulatedProcess, Exception> crashed)
    {
        (Scheduler, Id, Name, _crashed) = (scheduler, id, name, crashed);
        Clock = new SimulatedClock(this, time);
    }

    /// <summary>The process whose code runs now.</summary>
    public static new SimulatedProcess Current => SynchronizationContext.Current as SimulatedProcess
        ?? throw new SimulationException("code of no simulated process runs");

    public SimulatedScheduler Scheduler { get; }
    public int Id { get; }
    public string Name { get; }
    public bool Alive { get; private set; } = true;
    /// <summary>Stopped as by SIGSTOP: nothing of it runs, everything waits.</summary>
    public bool Paused { get; private set; }
    public SimulatedClock Clock { get; }

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (Alive) Scheduler.Enqueue(this, d, state);
    }

    public override void Send(SendOrPostCallback d, object? state) =>
        throw new SimulationException("a blocking call into a simulated process");

    public override SynchronizationContext CreateCopy() => this;

    public void Post(Action action) => Post(static a => ((Action)a!)(), action);

    /// <summary>Starts asynchronous work inside the process. A failure that nobody inside handles ends the
    /// world.</summary>
    public void Start(Func<Task> work) => Post(() => _ = WatchAsync(work));

    /// <summary>Runs inside the process and answers outside of it; fails when the process dies first.</summary>
    public Task<T> CallAsync<T>(Func<Task<T>> work)
    {
        var answer = new TaskCompletionSource<T>();
        if (!Alive) return Task.FromException<T>(new ProcessDiedException(Name));
        Action died = () => answer.TrySetException(new ProcessDiedException(Name));
        _exits.Add(died);
        Post(() => _ = AnswerAsync(work, answer, died));
        return answer.Task;
    }

    public Task CallAsync(Func<Task> work) => CallAsync(async () =>
    {
        await work();
        return true;
    });

    /// <summary>Told when the process dies, as the kernel tells its peers.</summary>
    public void OnExit(Action action) => _exits.Add(action);

    public void Pause() => Paused = true;

    public void Resume()
    {
        Paused = false;
        foreach (var work in _parked) Scheduler.Enqueue(work.Process, work.Callback, work.State);
        _parked.Clear();
    }

    public void Kill()
    {
        if (!Alive) return;
        Alive = false;
        _parked.Clear();
        var exits = _exits.ToArray();
        _exits.Clear();
        foreach (var exit in exits) exit();
    }

    internal void Execute(SimulatedScheduler.Work work)
    {
        if (!Alive) return;
        if (Paused)
        {
            _parked.Add(work);
            return;
        }
        SetSynchronizationContext(this);
        try
        {
            work.Callback(work.State);
        }
        catch (Exception e) when (e is not SimulationException)
        {
            _crashed(this, e);
        }
    }

    private async Task WatchAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (e is not SimulationException)
        {
            _crashed(this, e);
        }
    }

    private async Task AnswerAsync<T>(Func<Task<T>> work, TaskCompletionSource<T> answer, Action died)
    {
        try
        {
            answer.TrySetResult(await work());
        }
        catch (Exception e)
        {
            answer.TrySetException(e);
        }
        _exits.Remove(died);
    }
}

/// <summary>The process that was asked died before it answered.</summary>
public sealed class ProcessDiedException(string process) : Exception($"{process} died");
