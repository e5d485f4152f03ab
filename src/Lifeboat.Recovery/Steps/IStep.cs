// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery.Steps;

/// <summary>
/// A unit of a plan: a record whose properties are its inputs and are stored with the run. Its docs say what it needs,
/// its effect, how it is repeated and how undone.
/// </summary>
public interface IStep
{
    /// <summary>What it does, for people, e.g. `open the point as a read-only view`.</summary>
    string Describe();

    /// <summary>
    /// Has its effect and returns, or throws ProblemException. It may have run before, in part or whole, by a
    /// controller that was killed: the effect must then not happen twice.
    /// </summary>
    Task<StepOutcome> RunAsync(StepContext context, CancellationToken ct);
}

/// <summary>A step whose effect can be taken back.</summary>
public interface IUndoableStep : IStep
{
    /// <summary>Takes the effect back, whole or in part; without an effect it does nothing. May be repeated.</summary>
    Task UndoAsync(StepContext context, CancellationToken ct);
}

/// <param name="name">Stored with runs: never changes.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class StepAttribute(string name) : Attribute
{
    public string Name => name;
}
