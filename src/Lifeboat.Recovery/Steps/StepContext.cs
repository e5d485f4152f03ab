// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Sides;

namespace Lifeboat.Recovery.Steps;

/// <summary>What a step may use.</summary>
public sealed class StepContext(Run run, IOwnSide here, Func<string, ISiteSide> peers, TimeProvider time,
    CancellationToken released, Action<double?, string?> report)
{
    public Run Run => run;
    public IOwnSide Here => here;
    public TimeProvider Time => time;
    /// <summary>Cancelled when a person ends the hold.</summary>
    public CancellationToken Released => released;

    /// <summary>Name of the run's pins, views and bubbles: the same after a restart.</summary>
    public string Tag { get; } = "run-" + run.Id.ToString("n")[^8..];

    public ISiteSide Side(string site) => site == here.Name ? here : peers(site);

    /// <summary>The group as it is now; steps before this one may have changed it.</summary>
    public async Task<GroupDefinition> GroupAsync(CancellationToken ct) => await here.GroupAsync(run.Group, ct)
        ?? throw new ProblemException(ReasonCode.GroupUnknown, $"there is no group {run.Group} here");

    /// <summary>What an earlier step handed on.</summary>
    public T Output<T>() where T : class
    {
        var output = run.Find<T>();
        Invariant.Holds(output is not null, $"a step before this one hands on {typeof(T).Name}");
        return output;
    }

    public T Require<T>() where T : class => here.Ability<T>()
        ?? throw new ProblemException(ReasonCode.NotAllowed, $"the driver of site {here.Name} cannot do this",
            $"{typeof(T).Name} is needed");

    /// <summary>Tells who watches; not stored.</summary>
    public void Report(double? progress, string? note) => report(progress, note);
}
