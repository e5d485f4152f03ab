// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Recovery.Steps;

/// <summary>
/// Chooses the moment to recover to and pins it, so that nothing trims it while the run lasts.
/// Needs: a sealed point here. Effect: one pin. Repeated: keeps the point it chose. Undone: the pin is taken off.
/// </summary>
/// <param name="PointId">The wanted point; null: the newest sealed.</param>
/// <param name="Clean">The point that this run cut after the shut-down.</param>
[Step("pick-point")]
public sealed record PickPoint(Guid? PointId, bool Clean = false) : IUndoableStep
{
    private static readonly TimeSpan Listing = TimeSpan.FromSeconds(10);

    public string Describe() => Clean ? "take the clean-shutdown point and pin it"
        : PointId is null ? "take the newest sealed point and pin it" : $"pin point {PointId}";

    public async Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct)
    {
        var point = await ChooseAsync(context, ct);
        await context.Here.PinAsync(context.Run.Group, new PinRequest(context.Tag, point.Id), ct);
        var replica = await context.Here.ReplicaAsync(context.Run.Group, ct);
        var seen = replica?.Connected == true
            ? context.Time.GetUtcNow()
            : context.Here.SourceLastSeen(context.Run.Group);
        return StepOutcome.Saw(
            $"point {point.Id}, {Words.Of(point.Consistency)}, sequence {point.Sequence}, cut at {point.CutAt:u}",
            replica?.Connected == true ? "the source is connected"
                : $"the source is not connected; last seen {Said(seen)}") with
        {
            Output = new PickedPoint(point, seen),
        };
    }

    public Task UndoAsync(StepContext context, CancellationToken ct) =>
        context.Here.UnpinAsync(context.Run.Group, context.Tag, ct);

    private async Task<RecoveryPoint> ChooseAsync(StepContext context, CancellationToken ct)
    {
        var wanted = Clean ? context.Output<CutPoint>().Point.Id : PointId;
        var until = context.Time.GetUtcNow() + (Clean ? Listing : TimeSpan.Zero);
        while (true)
        {
            var points = await context.Here.PointsAsync(context.Run.Group, ct);
            if (Choice(points, wanted) is { } point) return point;
            if (context.Time.GetUtcNow() >= until) throw Missing(context.Run.Group, points, wanted);
            await Task.Delay(TimeSpan.FromMilliseconds(200), context.Time, ct);
        }
    }

    private static RecoveryPoint? Choice(IReadOnlyList<RecoveryPoint> points, Guid? wanted)
    {
        var usable = points.Where(p => p.State is PointState.Sealed or PointState.Verified or PointState.Pinned);
        return wanted is null
            ? usable.Where(p => !p.IsOrigin).MaxBy(p => p.Sequence)
            : usable.FirstOrDefault(p => p.Id == wanted);
    }

    private static ProblemException Missing(string group, IReadOnlyList<RecoveryPoint> points, Guid? wanted) =>
        points.Any(p => p.State is PointState.Damaged && (wanted is null || p.Id == wanted))
        ? new ProblemException(ReasonCode.ReplicaDamaged, wanted is null
            ? $"every recovery point of {group} is damaged" : $"recovery point {wanted} of {group} is damaged",
            "`lifeboat group get` says what is lost; `lifeboat point open --accept-damage` opens it with holes.")
        : wanted is null
        ? new ProblemException(ReasonCode.NoRecoveryPoint, $"group {group} has no sealed recovery point here",
            "The initial sync must end first.")
        : new ProblemException(ReasonCode.PointUnknown, $"group {group} has no sealed point {wanted}",
            $"It has {points.Count} points; list them with `lifeboat point list {group}`.");

    private static string Said(DateTimeOffset? at) =>
        at is { } known ? known.ToString("u", CultureInfo.InvariantCulture) : "before this controller started";
}
