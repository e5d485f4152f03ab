// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text;

namespace Lifeboat.Testing.Oracle;

/// <summary>Reads the log of a witness into a history, once or as it grows.</summary>
public sealed class WitnessLogReader(string path) : IDisposable
{
    private readonly FileStream _file =
        new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    private readonly StringBuilder _torn = new();
    private bool _known;

    public WitnessHistory History { get; } = new();

    public static async Task<WitnessHistory> ReadAsync(string path, CancellationToken ct)
    {
        using var reader = new WitnessLogReader(path);
        await reader.CatchUpAsync(ct);
        return reader.History;
    }

    /// <summary>Takes in what was written since the last call.</summary>
    /// <exception cref="OracleException">BadWitnessLog: the file is something else.</exception>
    public async Task CatchUpAsync(CancellationToken ct)
    {
        var buffer = new byte[256 << 10];
        while (await _file.ReadAsync(buffer, ct) is > 0 and var got)
        {
            _torn.Append(Encoding.ASCII.GetString(buffer, 0, got));
            var lines = _torn.ToString().Split('\n');
            _torn.Clear().Append(lines[^1]);
            foreach (var line in lines.AsSpan(0, lines.Length - 1)) Take(line);
        }
    }

    /// <summary>Keeps the history current until cancelled, looking at the log this often.</summary>
    public async Task FollowAsync(TimeProvider time, TimeSpan period, CancellationToken ct)
    {
        using var timer = new PeriodicTimer(period, time);
        do await CatchUpAsync(ct);
        while (await timer.WaitForNextTickAsync(ct));
    }

    public void Dispose() => _file.Dispose();

    private void Take(string line)
    {
        if (!_known)
        {
            if (line != WitnessLogWriter.FirstLine)
                throw new OracleException(OracleFault.BadWitnessLog, $"{path} is not the log of a witness");
            _known = true;
            return;
        }
        var words = line.Split(' ', 3);
        if (words.Length == 3 && WitnessReport.Parse(words[2]) is { } report
            && long.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds))
            History.Add(words[1], DateTimeOffset.UnixEpoch.AddMicroseconds(microseconds), report);
    }
}
