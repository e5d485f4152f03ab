// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text.Json;

namespace Lifeboat.Testing.Simulation.Swarming;

/// <summary>
/// What a swarm has done so far, in a file, so that one which was stopped or killed goes on where it was, over days and
/// over versions of the code. The file is written anew beside itself and renamed: it is there whole or as it was
/// before.
/// </summary>
/// <remarks>
/// A seed is done when any version did it. A violation stands until a later version did the same seed without one;
/// until
/// then its seed is run again by every other version.
/// </remarks>
public sealed class SwarmState : IDisposable
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };
    private readonly string _path;
    private readonly FileStream _lock;
    private readonly List<Record> _records;
    private readonly Record _ours;
    private readonly SeedRanges _settled;
    private readonly HashSet<long> _standing;

    private SwarmState(string path, FileStream held, List<Record> records, SwarmBuild build, bool oursOnly)
    {
        (_path, _lock, _records) = (path, held, records);
        _ours = records.Find(r => r.Build == build) ?? new Record(build);
        if (!records.Contains(_ours)) records.Add(_ours);
        _settled = oursOnly ? _ours.Done : new SeedRanges(records.SelectMany(r => r.Done.Ranges));
        _standing = [.. Standing.Select(v => v.Seed).Where(s => !_ours.Done.Contains(s))];
    }

    /// <summary>Reads the file, or begins one. Nobody else can open it until this is disposed of.</summary>
    /// <param name="oursOnly">Seeds that other versions did are not done.</param>
    /// <exception cref="SwarmStateException">It is no state of a swarm, or another swarm uses it.</exception>
    public static SwarmState Open(string path, SwarmBuild build, bool oursOnly)
    {
        FileStream held;
        try
        {
            held = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SwarmStateException($"{path}.lock cannot be taken, does another swarm use it? {e.Message}");
        }
        try
        {
            return new SwarmState(path, held, Read(path), build, oursOnly);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    public IReadOnlyList<Record> Records => _records;
    /// <summary>Violations that no later version has done without.</summary>
    public IEnumerable<Found> Standing => _records.SelectMany((r, at) => r.Violations.Where(v =>
        !_records.Skip(at + 1).Any(later => later.Done.Contains(v.Seed) && !later.Violations.Contains(v.Seed))));

    /// <summary>The seed is still to be run.</summary>
    public bool Wants(long seed) => !_settled.Contains(seed) || _standing.Contains(seed);

    /// <summary>How many seeds from first to last are still to be run.</summary>
    public long LeftOf(long first, long last) =>
        last - first + 1 - _settled.Within(first, last) + _standing.Count(s => s >= first && s <= last);

    public void Add(SimulationResult result)
    {
        var seed = (long)result.Seed;
        _settled.Add(seed);
        _standing.Remove(seed);
        _ours.Done.Add(seed);
        _ours.Traces += result.TraceHash;
        _ours.Tally.Add(result);
        if (result.Violation is not null) _ours.Violations.Add(new Found(seed, result.Line));
    }

    /// <summary>Time passed while this version ran, on the clock and on the processors.</summary>
    public void Spent(TimeSpan time, TimeSpan processors)
    {
        _ours.Seconds += time.TotalSeconds;
        _ours.ProcessorSeconds += processors.TotalSeconds;
    }

    public void Save()
    {
        var written = new Written([.. _records.Where(r => r.Done.Count > 0).Select(r => r.Write())]);
        using (var file = new FileStream(_path + ".new", FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(file, written, Json);
            file.Flush(flushToDisk: true);
        }
        File.Move(_path + ".new", _path, overwrite: true);
    }

    public void Dispose() => _lock.Dispose();

    private static List<Record> Read(string path)
    {
        if (!File.Exists(path)) return [];
        try
        {
            return JsonSerializer.Deserialize<Written>(File.ReadAllBytes(path), Json) is { Builds: { } builds }
                ? [.. builds.Select(Record.Read)]
                : throw new FormatException("it has no builds");
        }
        catch (Exception e) when (e is JsonException or FormatException or ArgumentException or NullReferenceException)
        {
            throw new SwarmStateException($"{path} is no state of a swarm ({e.Message}); name another file");
        }
    }

    /// <summary>What one version of the code has done.</summary>
    public sealed class Record(SwarmBuild build)
    {
        public SwarmBuild Build => build;
        public SeedRanges Done { get; private init; } = new();
        /// <summary>Sum of the worlds' hashes, as a swarm prints it.</summary>
        public ulong Traces { get; internal set; }
        public double Seconds { get; internal set; }
        /// <summary>Of all processors together.</summary>
        public double ProcessorSeconds { get; internal set; }
        public Tally Tally { get; private init; } = new();
        public FoundSeeds Violations { get; private init; } = [];

        internal WrittenBuild Write() => new(build.Commit, build.Digest,
            [.. Done.Ranges.Select(r => $"{r.First}..{r.Last}")], Traces.ToString("x16", CultureInfo.InvariantCulture),
            Math.Round(Seconds, 1), Math.Round(ProcessorSeconds, 1), Tally.Counts, Tally.Worlds, [.. Violations]);

        internal static Record Read(WrittenBuild from) => new(new SwarmBuild(from.Commit, from.Build))
        {
            Done = new SeedRanges(from.Done.Select(ReadRange)),
            Traces = ulong.Parse(from.Traces, NumberStyles.HexNumber, CultureInfo.InvariantCulture),
            Seconds = from.Seconds,
            ProcessorSeconds = from.ProcessorSeconds,
            Tally = new Tally(from.Counts, from.Worlds),
            Violations = [.. from.Violations],
        };
    }

    private static (long First, long Last) ReadRange(string text) => text.Split("..") is [var first, var last]
        ? (long.Parse(first, CultureInfo.InvariantCulture), long.Parse(last, CultureInfo.InvariantCulture))
        : throw new FormatException($"{text} is no range of seeds");

    /// <summary>Violations by seed.</summary>
    public sealed class FoundSeeds : System.Collections.ObjectModel.KeyedCollection<long, Found>
    {
        protected override long GetKeyForItem(Found item) => item.Seed;
    }

    /// <param name="Line">As the swarm printed it.</param>
    public sealed record Found(long Seed, string Line);

    internal sealed record Written(IReadOnlyList<WrittenBuild> Builds);

    // Files from before worlds were counted have no Worlds.
    internal sealed record WrittenBuild(string Commit, string Build, IReadOnlyList<string> Done, string Traces,
        double Seconds, double ProcessorSeconds, SortedDictionary<string, long> Counts,
        SortedDictionary<string, long>? Worlds, IReadOnlyList<Found> Violations);
}

/// <summary>The file of a swarm's state cannot be used; the message says why and what to do.</summary>
public sealed class SwarmStateException(string message) : Exception(message);
