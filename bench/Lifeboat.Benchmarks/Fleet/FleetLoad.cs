// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using Lifeboat.Contracts;

namespace Lifeboat.Benchmarks.Fleet;

/// <summary>Asks a controller as the command line does, and notes how long the whole answer took.</summary>
internal sealed class FleetLoad(string socket, int groups) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private readonly HttpClient _http = new(UnixSocketHttp.Handler(socket))
    {
        BaseAddress = new Uri("http://controller/"),
        Timeout = TimeSpan.FromMinutes(2),
    };

    /// <summary>By what was asked for.</summary>
    public Dictionary<string, List<double>> Milliseconds { get; } = [];
    public int Refused { get; private set; }

    public async Task RunAsync(CancellationToken until)
    {
        for (var round = 0; !until.IsCancellationRequested; round++)
        {
            var group = FleetNames.Group(round * 7919 % groups);
            // What `lifeboat status` asks for.
            await AskAsync("status", "v1/site", "v1/status");
            await AskAsync("groups", "v1/groups");
            await AskAsync("groups, a page of 100", "v1/groups?limit=100");
            await AskAsync("one group", $"v1/groups/{group}");
            await AskAsync("its points", $"v1/groups/{group}/points");
            await AskAsync("runs", "v1/runs?limit=100");
            await AskAsync("alerts", "v1/alerts?limit=100");
            await AskAsync("applications", "v1/applications");
            await AskAsync("metrics", "metrics");
        }
    }

    /// <summary>True: every group is protected.</summary>
    public async Task<bool> AllProtectedAsync(CancellationToken ct)
    {
        var text = await _http.GetStringAsync("v1/groups", ct);
        return text.Split("\"state\":\"protected\"").Length > groups;
    }

    /// <summary>How many there were, how long on average, and how many were longer than 2 s.</summary>
    public async Task<string> RoundsAsync(string round)
    {
        var lines = (await _http.GetStringAsync("metrics")).Split('\n');
        double Value(string start) => lines.Where(l => l.StartsWith(start, StringComparison.Ordinal))
            .Select(l => double.Parse(l.Split(' ')[^1], CultureInfo.InvariantCulture)).FirstOrDefault();
        var of = $"{{round=\"{round}\"";
        var count = Value($"lifeboat_round_seconds_count{of}");
        var within = Value($"lifeboat_round_seconds_bucket{of},le=\"2\"}}");
        return $"{count:0}, {Value($"lifeboat_round_seconds_sum{of}") / Math.Max(count, 1) * 1000:0} ms each, "
            + $"{count - within:0} over 2 s";
    }

    public void Dispose() => _http.Dispose();

    private async Task AskAsync(string what, params string[] paths)
    {
        var since = Stopwatch.GetTimestamp();
        foreach (var path in paths)
        {
            using var answer = await _http.GetAsync(path);
            await answer.Content.ReadAsByteArrayAsync();
            if (!answer.IsSuccessStatusCode) Refused++;
        }
        if (!Milliseconds.TryGetValue(what, out var list)) Milliseconds.Add(what, list = []);
        list.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
        await Task.Delay(Pause);
    }
}
