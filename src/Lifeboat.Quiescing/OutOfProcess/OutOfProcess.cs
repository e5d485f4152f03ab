// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Quiescing.OutOfProcess;

/// <summary>A provider that is somebody else's process, spoken to over a unix socket of this host.</summary>
[QuiesceProvider("socket")]
public sealed class OutOfProcess : IQuiesceProvider
{
    private readonly QuiesceTarget _target;
    private readonly ProviderSocket _socket;

    public OutOfProcess(QuiesceTarget target)
        : this(target, Path.Combine(target.Directory, "quiesce-providers", target.Setting("name") + ".sock")) { }

    private OutOfProcess(QuiesceTarget target, string path) => (_target, _socket) = (target, new ProviderSocket(path));

    /// <summary>One at a socket of the caller's choice, as a conformance run has it.</summary>
    public static OutOfProcess At(string path, QuiesceTarget target) => new(target with
    {
        Settings = target.Settings.Append(KeyValuePair.Create("name", "at-a-path")).ToDictionary(),
    }, path);

    public Consistency Reaches => ScriptSettings.Reaches(_target);

    // Its other settings are the vendor's, who refuses what is wrong with them when asked to quiesce.
    public IEnumerable<string> Problems() =>
    [
        .. EntityName.IsValid(_target.Setting("name")) ? Array.Empty<string>()
            : [$"setting 'name' is '{_target.Setting("name")}'; {EntityName.Rule}"],
        .. ScriptSettings.Problems(_target),
    ];

    public async Task<QuiesceAnswer> QuiesceAsync(QuiesceCall call, CancellationToken ct)
    {
        var answer = await _socket.AskAsync<QuiescedAnswer>(Request("quiesce", call), ct);
        return new QuiesceAnswer(Consistencies.Read(answer.Reached), answer.Evidence);
    }

    public async Task<ThawAnswer> ThawAsync(QuiesceCall call, CancellationToken ct)
    {
        var answer = await _socket.AskAsync<ThawedAnswer>(Request("thaw", call), ct);
        return new ThawAnswer(answer.Held, answer.Evidence);
    }

    public async Task<QuiesceState> StateAsync(CancellationToken ct)
    {
        var answer = await _socket.AskAsync<StateAnswer>(Request("state", null), ct);
        return answer.State switch
        {
            "quiesced" => QuiesceState.Quiesced, "thawed" => QuiesceState.Thawed, _ => QuiesceState.Unknown,
        };
    }

    private ProviderRequest Request(string method, QuiesceCall? call) => new(1, method, _target.Instance)
    {
        Id = call?.Id, LimitSeconds = call?.Limit.TotalSeconds, Deadline = call?.Deadline,
        Settings = _target.Settings.Where(s => s.Key is not ("name" or "reaches")).ToDictionary(),
    };

    private sealed record QuiescedAnswer(string Reached, string Evidence);

    private sealed record ThawedAnswer(bool Held, string Evidence);

    private sealed record StateAnswer(string State);
}

/// <summary>How consistencies are written in the protocol.</summary>
internal static class Consistencies
{
    /// <exception cref="QuiesceProviderException">Refused: neither of the two.</exception>
    public static Consistency Read(string text) => text switch
    {
        "application" => Consistency.Application,
        "file-system" => Consistency.FileSystem,
        _ => throw new QuiesceProviderException(ProviderFault.Refused,
            $"it says that it reached '{text}'; a provider reaches application or file-system"),
    };
}
