// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Agent.Sources;

/// <summary>
/// Counters of a group that go on where the source before left them: the engine's begin at zero with every source.
/// Kept every five seconds in a file that is replaced and not flushed: it outlives the agent's process, and one that a
/// power failure took is followed by counters with another id. It stays when the source ends, for whoever asks later.
/// What is told to who bills by it is kept first: they find no less after the agent was killed.
/// </summary>
internal sealed class SourceMeter
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private const string Ending = ".json";

    private readonly string _path;
    private readonly SourceTotals _before;
    private readonly Lock _gate = new();
    private SourceTotals? _saved;

    private SourceMeter(string path, SourceTotals before) => (_path, _before) = (path, before);

    public static SourceMeter Open(string folder, string group)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, group + Ending);
        if (Read(path) is { } before) return new SourceMeter(path, before);
        var meter = new SourceMeter(path, new SourceTotals(Guid.NewGuid(), 0, 0, 0));
        meter.Save(meter._before);
        return meter;
    }

    /// <summary>What was kept of each group, by name.</summary>
    public static IEnumerable<GroupTotals> All(string folder)
    {
        if (!Directory.Exists(folder)) yield break;
        foreach (var path in Directory.EnumerateFiles(folder, "*" + Ending).Order(StringComparer.Ordinal))
            if (Read(path) is { } totals)
                yield return new GroupTotals(Path.GetFileNameWithoutExtension(path), totals);
    }

    public SourceTotals Totals(SourceSnapshot now) => _before with
    {
        CapturedBytes = _before.CapturedBytes + now.CapturedBytes,
        ShippedBytes = _before.ShippedBytes + now.ShippedBytes,
        WireBytes = _before.WireBytes + now.WireBytes,
    };

    /// <summary>The counters for somebody else, kept before they are told as far as they can be.</summary>
    public SourceTotals Tell(SourceSnapshot now)
    {
        var totals = Totals(now);
        Save(totals);
        return totals;
    }

    /// <returns>Why it could not be kept; null: it was, or there was nothing new.</returns>
    public string? Save(SourceSnapshot now) => Save(Totals(now));

    private string? Save(SourceTotals totals)
    {
        try
        {
            lock (_gate)
            {
                // Of two at once the later one stays.
                if (_saved is { } saved && totals.CapturedBytes <= saved.CapturedBytes
                    && totals.ShippedBytes <= saved.ShippedBytes && totals.WireBytes <= saved.WireBytes) return null;
                File.WriteAllBytes(_path + ".new", JsonSerializer.SerializeToUtf8Bytes(totals, ContractJson.Options));
                File.Move(_path + ".new", _path, overwrite: true);
                _saved = totals;
                return null;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    private static SourceTotals? Read(string path)
    {
        try
        {
            return File.Exists(path)
                ? JsonSerializer.Deserialize<SourceTotals>(File.ReadAllBytes(path), ContractJson.Options) : null;
        }
        catch (JsonException)
        {
            return null; // torn by a power failure: the new id says so
        }
    }
}
