// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Quiescing;

namespace Lifeboat.Samples.FlagFile;

/// <summary>
/// For an application that shares a folder with its host: a file `rest` is put there with the request's id, and the
/// application answers with a file `resting` that has the same id, moved there whole. It goes on when `rest` is gone,
/// or by itself at the deadline that is in it.
/// </summary>
[QuiesceProvider("flag-file")]
public sealed class FlagFile(QuiesceTarget target) : IQuiesceProvider
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(20);

    public Consistency Reaches => Consistency.Application;

    public IEnumerable<string> Problems() => target.SettingProblems(required: ["identity"]);

    public async Task<QuiesceAnswer> QuiesceAsync(QuiesceCall call, CancellationToken ct)
    {
        var (flag, answer) = Files();
        await File.WriteAllTextAsync(flag + ".new", $"{call.Id} {call.Deadline:O}\n", ct);
        File.Move(flag + ".new", flag, overwrite: true);
        // Cancelled when the limit is over; the thaw that follows takes the file away again.
        while (Read(answer) != call.Id.ToString()) await Task.Delay(LookEvery, target.Time, ct);
        return new QuiesceAnswer(Reaches, $"the application put {answer}");
    }

    public Task<ThawAnswer> ThawAsync(QuiesceCall call, CancellationToken ct)
    {
        var (flag, answer) = Files();
        // Whoever thaws may be another process than the one that quiesced: only the files tell.
        var held = File.Exists(flag) && Read(answer) == call.Id.ToString();
        File.Delete(flag);
        return Task.FromResult(new ThawAnswer(held, held ? "took the flag away" : "the application was not resting"));
    }

    public Task<QuiesceState> StateAsync(CancellationToken ct) => Task.FromResult(
        File.Exists(Files().Flag) && Read(Files().Answer) is not null ? QuiesceState.Quiesced : QuiesceState.Thawed);

    private (string Flag, string Answer) Files()
    {
        // Which folder is the operator's to say: quiesce/INSTANCE/NAME.json below the agent's directory.
        var folder = target.Identity<FlagFolder>(target.Setting("identity")!).Folder;
        if (!Directory.Exists(folder))
            throw new QuiesceProviderException(ProviderFault.Unreachable, $"there is no folder {folder}");
        return (Path.Combine(folder, "rest"), Path.Combine(folder, "resting"));
    }

    private static string? Read(string file)
    {
        try
        {
            return File.ReadAllText(file).Split(' ')[0].Trim();
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private sealed record FlagFolder(string Folder);
}
