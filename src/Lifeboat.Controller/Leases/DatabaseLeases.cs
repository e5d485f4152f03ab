// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Data.Common;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Recovery.Runs;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Leases;

// Leases of several controllers in their shared database, whose clock is the only one that counts:
//
//   every half second: say that this controller lives ─► anything changed, or two seconds over? ─► look at all leases
//        │ the database does not answer                         ├─ somebody else has one of ours: it is over here
//        ▼ for three seconds                                    ├─ free, or its holder is dead: take our share of them
//   all are over here, and nothing is done                      └─ more than our share for long: give idle ones back
//
// Invariants: a lease has one holder, and a term that grows with each; a write of a former term is refused (RunStore).
// What is held here is over, by this process's own clock, before any other controller may take it over.
internal sealed partial class DatabaseLeases : BackgroundService, ILeases
{
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);
    /// <summary>A controller that has not said that it lives for so long is dead.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromSeconds(3);
    // Its own clock may be this much slower than the database's meanwhile.
    private static readonly TimeSpan Margin = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Forget = TimeSpan.FromMinutes(1);

    private readonly ControllerDatabase _database;
    private readonly LeaseTable _table;
    private readonly TimeProvider _time;
    private readonly ILogger<DatabaseLeases> _logger;
    private readonly ITimer _lapse;
    private readonly ConcurrentDictionary<string, long> _wanted = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Tenure> _held = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _asked = new(0, 1);
    private readonly LeaseShares _shares = new();
    private IReadOnlySet<string> _living = new HashSet<string>();
    private long _validUntil;
    private long _lookedAt;
    private long _gained;
    private bool _away;

    public DatabaseLeases(ControllerDatabase database, ControllerName controller, TimeProvider time,
        ILogger<DatabaseLeases> logger)
    {
        (_database, _time, _logger) = (database, time, logger);
        _table = new LeaseTable(database, controller, Life);
        _lapse = time.CreateTimer(_ => EndAll(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public long Gained => Interlocked.Read(ref _gained);

    public IReadOnlyList<ControllerInfo> Controllers() => _table.Controllers();

    public bool TryHold(string name) => Hold(name) is not null;

    public Tenure? Hold(string name)
    {
        if (!_wanted.ContainsKey(name) && _asked.CurrentCount == 0) Wake();
        _wanted[name] = _time.GetTimestamp();
        return _held.TryGetValue(name, out var tenure) && tenure.Holds ? tenure : null;
    }

    /// <summary>Gives everything back: the other controllers need not wait until this one counts as dead.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        EndAll();
        try
        {
            _table.Leave();
        }
        catch (Exception e) when (ControllerDatabase.IsUnavailable(e))
        {
            LogAway(e.Message);
        }
    }

    public override void Dispose()
    {
        _lapse.Dispose();
        _asked.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                Round();
                _away = false;
            }
            catch (Exception e) when (ControllerDatabase.IsUnavailable(e) || e is DbException)
            {
                if (!_away) LogAway(e.Message);
                _away = true;
            }
            // Being stopped is no failure here: the loop looks at the token.
            Task asked = _asked.WaitAsync(Beat, stoppingToken);
            await asked.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>One beat, and a look at the leases when there is reason for one.</summary>
    internal void Round()
    {
        using var connection = _database.Open();
        var began = _time.GetTimestamp();
        if (_lookedAt == 0) _table.Succeed(connection);
        var living = _table.Beat(connection);
        Extend(began);
        var news = !living.SetEquals(_living) || _wanted.Keys.Any(n => !_held.ContainsKey(n) && !_shares.Knows(n));
        _living = living;
        if (!news && _time.GetElapsedTime(_lookedAt) < LookEvery) return;
        _lookedAt = began;
        Look(connection, living.Count);
    }

    // Nobody may take ours over before the database's clock says so, which began to count after ours.
    private void Extend(long began)
    {
        if (!InTime()) EndAll();
        var life = Life - Margin;
        Interlocked.Exchange(ref _validUntil, began + (long)(life.TotalSeconds * _time.TimestampFrequency));
        _lapse.Change(life - _time.GetElapsedTime(began), Timeout.InfiniteTimeSpan);
    }

    private void Look(DbConnection connection, int controllers)
    {
        foreach (var (name, asked) in _wanted)
            if (_time.GetElapsedTime(asked) > Forget) _wanted.TryRemove(name, out _);
        var rows = _table.Read(connection);
        foreach (var (name, tenure) in _held)
            if (!rows.TryGetValue(name, out var row) || row.Holder != _table.Id || row.Term != tenure.Term)
                Lose(name, tenure);
        var plan = _shares.Plan(_table.Id, rows, _wanted.Keys, _held.Keys, controllers, _time.GetTimestamp(),
            _time.TimestampFrequency);
        foreach (var name in plan.GiveBack.Except(_table.WithRuns(connection, plan.GiveBack)))
            if (_held.TryGetValue(name, out var tenure)) Lose(name, tenure);
        var taken = plan.Take.ToHashSet(StringComparer.Ordinal);
        // Given up just now, or when this process lapsed.
        foreach (var (name, row) in rows)
            if (row.Holder == _table.Id && !_held.ContainsKey(name) && !taken.Contains(name))
                _table.GiveBack(connection, name, row.Term);
        foreach (var (name, term) in _table.Take(connection, plan.Take))
        {
            _held[name] = new Tenure(name, _table.Id, term, InTime);
            Interlocked.Increment(ref _gained);
            LogGained(name, term);
        }
    }

    private bool InTime() => _time.GetTimestamp() < Interlocked.Read(ref _validUntil);

    private void EndAll()
    {
        foreach (var (name, tenure) in _held) Lose(name, tenure);
    }

    private void Lose(string name, Tenure tenure)
    {
        if (!_held.TryRemove(new KeyValuePair<string, Tenure>(name, tenure))) return;
        tenure.End();
        LogLost(name, tenure.Term);
    }

    private void Wake()
    {
        try
        {
            _asked.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is awake already.
        }
    }

    [LoggerMessage(EventIds.LeaseGained, LogLevel.Information,
        "This controller works on {Lease} from now on (term {Term})")]
    private partial void LogGained(string lease, long term);

    [LoggerMessage(EventIds.LeaseLost, LogLevel.Information,
        "This controller no longer works on {Lease} (term {Term})")]
    private partial void LogLost(string lease, long term);

    [LoggerMessage(EventIds.DatabaseAway, LogLevel.Warning, "The database does not answer: {Message}")]
    private partial void LogAway(string message);
}
