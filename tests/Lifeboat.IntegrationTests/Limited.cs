// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;

namespace Lifeboat.IntegrationTests;

/// <summary>
/// What `[Fact]` is in this project: a test over real processes that hangs fails, by its name, instead of taking all
/// others with it. Nothing here takes a fifth of the limit on a quiet machine; no test measures time with it.
/// </summary>
public sealed class LimitedFactAttribute : Xunit.FactAttribute
{
    internal const int LimitMilliseconds = 10 * 60 * 1000;

    public LimitedFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1)
        : base(file, line) => Timeout = LimitMilliseconds;
}

/// <summary>The same for `[Theory]`.</summary>
public sealed class LimitedTheoryAttribute : Xunit.TheoryAttribute
{
    public LimitedTheoryAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1)
        : base(file, line) => Timeout = LimitedFactAttribute.LimitMilliseconds;
}
