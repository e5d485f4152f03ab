// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Tests.Recovery;

/// <summary>What a step asks of a site ends with the tenure, abilities of its driver included.</summary>
public sealed class TenuredSideTests
{
    public interface ISide
    {
        Task<int> AskAsync(int number);
        T? Ability<T>() where T : class;
    }

    [Fact]
    public async Task Calls_go_through_while_it_holds_and_are_refused_from_the_moment_it_is_not_in_time()
    {
        var inTime = true;
        var tenure = new Tenure("group/shop", "a", 3, () => inTime);
        var side = TenuredSide.Of<ISide>(new Side(), tenure);
        Assert.Equal(7, await side.AskAsync(7));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => side.AskAsync(-1));
        var ability = side.Ability<ISide>()!;
        Assert.Equal(8, await ability.AskAsync(8));
        Assert.Null(side.Ability<IFormatProvider>());

        inTime = false;
        await Assert.ThrowsAsync<OperationCanceledException>(() => side.AskAsync(7));
        await Assert.ThrowsAsync<OperationCanceledException>(() => ability.AskAsync(8));
        Assert.True(tenure.Over.IsCancellationRequested);
        inTime = true;
        Assert.False(tenure.Holds);
    }

    [Fact]
    public void The_only_controller_uses_the_site_itself()
    {
        var side = new Side();
        Assert.Same(side, TenuredSide.Of<ISide>(side, Tenure.Sole));
    }

    private sealed class Side : ISide
    {
        public Task<int> AskAsync(int number)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(number);
            return Task.FromResult(number);
        }

        public T? Ability<T>() where T : class => this as T;
    }
}
