import { Controller, Get } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, type Caller } from '../http/caller.js';
import { Operation } from '../http/openapi.js';
import { UserAnswer } from './sign-in.js';

export class WhoAmI {
  @ApiProperty()
  user: UserAnswer;

  @ApiProperty({
    enum: ['session', 'access-token'],
    description: 'How the call was authenticated.',
  })
  via: 'session' | 'access-token';
}

@Controller('v1/session')
@ApiTags('session')
export class WhoAmIRoute {
  @Get()
  @Operation({ summary: 'Who am I?', answer: WhoAmI })
  get(@CurrentCaller() caller: Caller): WhoAmI {
    const { userId: id, email, administrator, actor } = caller;
    return { user: { id, email, administrator }, via: actor.type === 'user' ? 'session' : 'access-token' };
  }
}
