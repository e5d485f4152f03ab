// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lifeboat.Testing.Oracle;

public static partial class OracleCommand
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter() },
    };

    private static async Task<int> WitnessAsync(CommandWords words, TextWriter talk, CancellationToken ct)
    {
        using var log = new WitnessLogWriter(words.One("--log"));
        await using var witness = new Witness(TimeProvider.System, log);
        var guests = words.Many("--listen").Select(Pair).ToArray();
        words.End();
        if (guests.Length == 0) throw new OracleException(OracleFault.BadArguments, "--listen is missing");
        foreach (var (guest, socket) in guests) witness.Listen(guest, socket);
        await talk.WriteLineAsync($"oracle: witness listens for {string.Join(", ", guests.Select(g => g.Guest))}");
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Stop(signal, end));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Stop(signal, end));
        await using var cancelled = ct.Register(() => end.TrySetResult());
        await end.Task;
        return Done;
    }

    private static async Task<int> CheckAsync(CommandWords words, TextWriter output, CancellationToken ct)
    {
        var images = words.Many("--disk").Select(Image).ToArray();
        if (images.Length == 0) throw new OracleException(OracleFault.BadArguments, "--disk is missing");
        var expectation = new OracleExpectation
        {
            Witness = words.Maybe("--witness") is { } log ? await WitnessLogReader.ReadAsync(log, ct) : null,
            Guest = words.Maybe("--guest") ?? "guest",
            LostMax = words.Number("--lost-max"),
            CutAt = words.Time("--cut-at"),
            NothingAfter = words.Time("--nothing-after"),
            MustEndWithMark = words.Has("--must-end-with-mark"),
            OtherRuns = words.Many("--other-run").ToHashSet(),
            WorkDirectory = words.Maybe("--work") ?? Path.GetTempPath(),
        };
        var json = words.Has("--json");
        words.End();
        var proof = await OracleChecker.CheckAsync(images, expectation, ct);
        if (json) await output.WriteLineAsync(JsonSerializer.Serialize(proof, Json));
        else foreach (var line in proof.Lines()) await output.WriteLineAsync(line);
        return proof.Holds ? Done : NotProved;
    }

    private static async Task<int> StallAsync(CommandWords words, TextWriter output, CancellationToken ct)
    {
        var (log, guest) = (words.One("--witness"), words.One("--guest"));
        var from = words.Time("--from") ?? throw new OracleException(OracleFault.BadArguments, "--from is missing");
        var to = words.Time("--to") ?? throw new OracleException(OracleFault.BadArguments, "--to is missing");
        words.End();
        var stall = (await WitnessLogReader.ReadAsync(log, ct)).LongestStall(guest, from, to);
        await output.WriteLineAsync(JsonSerializer.Serialize(stall, Json));
        return Done;
    }

    private static OracleImage Image(string text) => text.LastIndexOf(':') switch
    {
        > 0 and var colon when !text[colon..].Contains('/') =>
            new OracleImage(text[..colon], CommandWords.ParseChoice<OracleFileSystem>(text[(colon + 1)..])),
        _ => new OracleImage(text),
    };

    private static (string Guest, string Socket) Pair(string text) => text.IndexOf('=') switch
    {
        > 0 and var at when !text[..at].Contains(' ') => (text[..at], text[(at + 1)..]),
        _ => throw new OracleException(OracleFault.BadArguments, $"--listen {text} is not GUEST=SOCKET"),
    };

    private static void Stop(PosixSignalContext signal, TaskCompletionSource end)
    {
        signal.Cancel = true;   // the log is closed in order, then the process ends by itself
        end.TrySetResult();
    }
}
