// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Agent.Sources;

/// <summary>
/// Counters of a group that go on where the source before left them: the engine's begin at zero with every source.
/// Kept every five seconds in a file that is replaced and not flushed: it outlives the agent's process, and one that a
/// power failure took is followed by counters with another id.
/// </summary>
internal sealed class SourceMeter
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private readonly string _path;
    private readonly SourceTotals _before;
    private SourceTotals? _saved;

    private SourceMeter(string path, SourceTotals before) => (_path, _before) = (path, before);

    public static SourceMeter Open(string folder, string group)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, group + ".json");
        return new SourceMeter(path, Read(path) ?? new SourceTotals(Guid.NewGuid(), 0, 0, 0));
    }

    public SourceTotals Totals(SourceSnapshot now) => _before with
    {
        CapturedBytes = _before.CapturedBytes + now.CapturedBytes,
        ShippedBytes = _before.ShippedBytes + now.ShippedBytes,
        WireBytes = _before.WireBytes + now.WireBytes,
    };

    /// <returns>Why it could not be kept; null: it was, or there was nothing new.</returns>
    public string? Save(SourceSnapshot now)
    {
        var totals = Totals(now);
        if (totals == _saved) return null;
        try
        {
            File.WriteAllBytes(_path + ".new", JsonSerializer.SerializeToUtf8Bytes(totals, ContractJson.Options));
            File.Move(_path + ".new", _path, overwrite: true);
            _saved = totals;
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    public static void Delete(string folder, string group) => File.Delete(Path.Combine(folder, group + ".json"));

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
